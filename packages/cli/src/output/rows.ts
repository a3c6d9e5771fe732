import type { Context } from '../command/row.ts';
import { pageOf, printingOf, printReply } from './print.ts';
import type { Style } from './style.ts';

/** How a program that goes on shows each thing that happens. */
export interface RowView<T> {
  /** What programs read of it. */
  row(value: T): object;
  /** What `-q` prints; undefined: nothing. */
  id(value: T): string | undefined;
  /** For people, in one line. */
  line(value: T, style: Style): string;
}

/**
 * What prints one thing after the other, each as soon as it happens: as a line for people, as a line of JSON, or as a
 * document of YAML. Things have different fields, so one that is missing is null.
 */
export function rowPrinter<T>(context: Context, view: RowView<T>): (value: T) => Promise<void> {
  const { fields, jq, format } = printingOf(context.globals);
  const each = { fields: undefined, jq, format: format === 'json' ? 'jsonl' : format } as const;
  const { style } = pageOf(context);
  return async (value) => {
    const row = view.row(value) as Record<string, unknown>;
    const picked = fields === undefined ? row : Object.fromEntries(fields.map((field) => [field, row[field] ?? null]));
    if (format === 'yaml' && jq === undefined) await context.print('---');
    await printReply(context, each, { id: () => view.id(value), draw: () => view.line(value, style) }, picked);
  };
}
