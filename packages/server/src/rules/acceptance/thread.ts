import { parentPort } from 'node:worker_threads';
import type { Acceptance, Problem } from '@pinchwork/sdk/table';
import { present } from '../../ground/present.ts';
import { Allowance, OutOfTime } from './allowance.ts';
import { codePoints, mostProblems, problemsOf, sentence } from './problems.ts';
import { compilePattern, PatternError } from './patterns.ts';
import { compileSchema, findingsOf, type Json, SchemaError } from './schema.ts';

/** A check for the thread. It answers with a `CheckOutcome`. */
export interface CheckOrder {
  /** `Acceptance` as JSON. */
  readonly acceptance: string;
  /** The result of a delivery; null to check only whether the acceptance can be compiled. */
  readonly result: string | null;
  /** Milliseconds of CPU time. */
  readonly cpuMs: number;
}

/** What does not fit; or that the time was up; or what went wrong in the check. */
export type CheckOutcome =
  { readonly problems: readonly Problem[] } | { readonly late: true } | { readonly failure: string };

/** The first message of the thread, when it has loaded and can check. */
const ready = 'ready';

const deep = 'is nested too deeply, or refers to itself without an end';

async function outcomeOf({ acceptance, result, cpuMs }: CheckOrder): Promise<CheckOutcome> {
  const allowance = new Allowance(cpuMs);
  // Stored by this server, from a checked request.
  const terms = JSON.parse(acceptance) as Acceptance;
  try {
    return { problems: result === null ? await faultsOf(terms, allowance) : await misfitsOf(terms, result, allowance) };
  } catch (error) {
    if (error instanceof OutOfTime) return { late: true };
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** What can't be compiled. Paths lead into the acceptance. */
async function faultsOf({ schema, must_match, must_not_match }: Acceptance, allowance: Allowance): Promise<Problem[]> {
  const faults: Problem[] = [];
  for (const [name, sources] of Object.entries({ must_match, must_not_match })) {
    for (const [i, source] of (sources ?? []).entries()) {
      const reason = reasonAgainst(source);
      if (reason !== undefined)
        faults.push({ path: `/${name}/${i}`, message: sentence(`is not a regular expression of RE2: ${reason}`) });
    }
  }
  if (schema === undefined) return faults;
  try {
    await compileSchema(schema as Json, allowance);
  } catch (error) {
    if (error instanceof SchemaError) faults.push({ path: `/schema${error.path}`, message: sentence(error.message) });
    else if (error instanceof RangeError) faults.push({ path: '/schema', message: deep });
    else throw error;
  }
  return faults;
}

function reasonAgainst(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** What of a result does not fit. */
async function misfitsOf(terms: Acceptance, result: string, allowance: Allowance): Promise<readonly Problem[]> {
  const found = textProblems(terms, result, allowance);
  if (terms.schema === undefined && terms.format !== 'json') return found.slice(0, mostProblems);
  let json: Json;
  try {
    json = JSON.parse(result) as Json;
  } catch (error) {
    return [{ path: '', message: sentence(notJson(result, error)) }, ...found].slice(0, mostProblems);
  }
  if (terms.schema === undefined) return found.slice(0, mostProblems);
  return [...(await schemaProblems(terms.schema as Json, json, allowance)), ...found].slice(0, mostProblems);
}

async function schemaProblems(schema: Json, json: Json, allowance: Allowance): Promise<readonly Problem[]> {
  try {
    return problemsOf(findingsOf(await compileSchema(schema, allowance), json, allowance));
  } catch (error) {
    if (error instanceof RangeError) return [{ path: '', message: deep }];
    throw error;
  }
}

function notJson(result: string, error: unknown): string {
  const fence = result.trimStart().startsWith('```') ? '; leave out the code fence' : '';
  const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
  return `must be JSON and nothing else${fence} (${reason})`;
}

function textProblems(terms: Acceptance, result: string, allowance: Allowance): Problem[] {
  const { min_length = 0, max_length = Infinity, must_match = [], must_not_match = [] } = terms;
  const problems: string[] = [];
  const length = min_length > 0 || max_length < Infinity ? codePoints(result) : 0;
  if (length < min_length)
    problems.push(`must be at least ${min_length} characters long (min_length), but has ${length}`);
  if (length > max_length)
    problems.push(`must be at most ${max_length} characters long (max_length), but has ${length}`);
  for (const source of must_match) {
    allowance.look();
    if (!compilePattern(source).test(result)) {
      problems.push(`must contain a match of the regular expression ${source} (must_match), but has none`);
    }
  }
  for (const source of must_not_match) {
    allowance.look();
    if (compilePattern(source).test(result)) {
      problems.push(`must not contain a match of the regular expression ${source} (must_not_match), but has one`);
    }
  }
  return problems.map((message) => ({ path: '', message: sentence(message) }));
}

const parent = present(parentPort, 'The thread that started this one');
parent.on('message', (order: CheckOrder) => {
  void outcomeOf(order).then((outcome) => parent.postMessage(outcome));
});

// The first check is slow, because all is compiled for the first time. It must not be a caller's.
const sample = JSON.stringify({ schema: { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] } });
await outcomeOf({ acceptance: sample, result: '{"a":3}', cpuMs: 60_000 });
parent.postMessage(ready);
