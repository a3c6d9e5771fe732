import type { EvaluationPlugin } from '@hyperjump/json-schema/experimental';
import type { JsonNode } from '@hyperjump/json-schema/instance/experimental';
import type { Allowance } from './allowance.ts';

/** A keyword of a schema that a value does not meet. */
export interface Finding {
  /** The keyword's name; `false` for the schema that nothing meets. */
  readonly keyword: string;
  /** What the library has compiled the keyword's value to. */
  readonly value: unknown;
  readonly node: JsonNode;
  /** What the schemas inside of the keyword found, one list for each time one of them was applied. */
  readonly inner: readonly (readonly Finding[])[];
}

type Context = Parameters<NonNullable<EvaluationPlugin['beforeSchema']>>[2] & {
  found?: Finding[];
  /** Where in `found` each application of a schema began. */
  starts?: number[];
};

/** Collects why a value does not fit a schema, and ends a check that takes too long. */
export class Findings implements EvaluationPlugin<Context> {
  readonly id = 'findings';
  /** What was found, after the evaluation. */
  found: readonly Finding[] = [];
  readonly #allowance: Allowance;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  beforeSchema(_url: string, _node: JsonNode, context: Context): void {
    this.#allowance.step();
    (context.starts ??= []).push(context.found?.length ?? 0);
  }

  afterKeyword(
    [id, , value]: [string, string, unknown],
    node: JsonNode,
    context: Context,
    valid: boolean,
    schemaContext: Context,
  ): void {
    if (valid) return;
    (schemaContext.found ??= []).push({
      keyword: id.slice(id.lastIndexOf('/') + 1),
      value,
      node,
      inner: groups(context),
    });
  }

  afterSchema(url: string, node: JsonNode, context: Context): void {
    if (context.ast[url] === false) {
      (context.found ??= []).push({ keyword: 'false', value: false, node, inner: [] });
    }
    this.found = context.found ?? [];
  }
}

function groups({ found = [], starts = [] }: Context): Finding[][] {
  return starts.map((start, i) => found.slice(start, starts[i + 1])).filter((group) => group.length > 0);
}
