import type { Format, GlobalValues } from '../command/global-flags.ts';
import type { AnyCommand } from '../command/row.ts';
import { nearest } from '../command/suggest.ts';
import { usage } from '../failure.ts';
import type { Io } from '../io.ts';
import { styleOf } from './style.ts';
import { hasUnsafe, safeJson, safeText } from './text.ts';
import type { Page, View } from './view.ts';

/** How replies are printed in this run. */
export interface Printing {
  readonly format: Format;
  readonly fields: readonly string[] | undefined;
  readonly jq: string | undefined;
}

/** @throws Failure for flags that contradict each other */
export function printingOf({ output, quiet, json, jq }: GlobalValues): Printing {
  if (quiet === true && output !== undefined && output !== 'id')
    throw usage(`-q is -o id, so it cannot go with -o ${output}`);
  const isIds = quiet === true || output === 'id';
  if (isIds && (json !== undefined || jq !== undefined)) throw usage('Ids alone go with neither --json nor --jq');
  const isJson = json !== undefined || jq !== undefined;
  return { format: isIds ? 'id' : (output ?? (isJson ? 'json' : 'table')), fields: json, jq };
}

/** @throws Failure for a format that a command does not have */
export function checkFormat({ name, prints, show }: AnyCommand, globals: GlobalValues, { format }: Printing): void {
  const help = `pinchwork ${name} --help`;
  const flag = (['json', 'jq', 'quiet', 'output'] as const).find((each) => globals[each] !== undefined);
  if (prints === 'text' && flag !== undefined && format !== 'table')
    throw usage(`"pinchwork ${name}" prints what has no other format: leave out --${flag}`, help);
  if (format === 'id' && typeof show === 'object' && show.id === undefined) throw withoutIds(help);
}

const withoutIds = (help?: string) => usage('What is asked for has no id, so -q prints nothing', help);

/** Whether errors and the like are for programs. */
export const isForPrograms = ({ format }: Printing): boolean => format !== 'table' && format !== 'id';

/** The page that a stream is. */
export function pageOf(io: Io): Page {
  return { columns: io.stdout.columns, style: styleOf(io.stdout, io.env), nowMs: io.clock.now() };
}

/** Prints a reply in the chosen format. */
export async function printReply(io: Io, printing: Printing, view: View<unknown>, reply: unknown): Promise<void> {
  const { format, fields, jq } = printing;
  const rows = view.rows === undefined ? undefined : ((reply as Record<string, unknown>)[view.rows] as unknown[]);
  const write = (text: string) => io.stdout.write(text === '' ? '' : `${text}\n`);
  if (format === 'id') {
    if (view.id === undefined) throw withoutIds();
    const ids = (rows ?? [reply]).map((row) => view.id?.(row as never)).filter((id) => id != null && id !== '');
    return write(ids.map((id) => safeText(id ?? '')).join('\n'));
  }
  if (fields === undefined && jq === undefined && format === 'table') {
    await write(view.draw(reply, pageOf(io)));
    const note = view.note?.(reply);
    if (note !== undefined && note !== '') await io.stderr.write(`${safeText(note)}\n`);
    return;
  }
  const picked = fields === undefined ? undefined : pick(rows ?? reply, fields);
  if (jq !== undefined) {
    const { select } = await import('./jq.ts');
    const results = select(jq, picked ?? rows ?? reply);
    // As jq and gh do: a text as it is, anything else as JSON. A terminal gets no control characters.
    const lines = results.map((each) => (typeof each === 'string' ? onScreen(io, each) : jsonText(each, format)));
    return write(lines.join('\n'));
  }
  if (format === 'jsonl') {
    const each = picked ?? rows ?? reply;
    return write((Array.isArray(each) ? each : [each]).map((row) => safeJson(JSON.stringify(row))).join('\n'));
  }
  const whole = picked ?? reply;
  return write(format === 'yaml' ? await yamlText(whole) : jsonText(whole, format));
}

const onScreen = (io: Io, text: string) => (io.stdout.isTerminal ? safeText(text) : text);

const jsonText = (value: unknown, format: Format) =>
  safeJson(format === 'jsonl' ? JSON.stringify(value) : JSON.stringify(value, undefined, 2));

/** YAML in which characters that act on a terminal are escaped, which is possible in double quotes alone. */
async function yamlText(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml');
  const document = new Document(value);
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && hasUnsafe(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return safeJson(document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: 1e9 }).trimEnd());
}

/**
 * The chosen fields of a reply, or of each of its rows. Fields that the server shows only where they are set are null
 * elsewhere, so a name is refused only where it seems to be mistyped.
 */
function pick(value: unknown, fields: readonly string[]): unknown {
  const all = Array.isArray(value) ? (value as object[]) : [value as object];
  const known = [...new Set(all.flatMap((row) => Object.keys(row)))].sort();
  const list = `The fields are ${known.join(', ')}.`;
  if (fields.length === 0) throw usage('--json needs names of fields', undefined, list);
  for (const field of fields) {
    const meant = known.includes(field) ? undefined : nearest(field, known);
    if (meant !== undefined) throw usage(`There is no field ${field}; do you mean ${meant}?`, undefined, list);
  }
  const picked = all.map((row) =>
    Object.fromEntries(fields.map((field) => [field, (row as Record<string, unknown>)[field] ?? null])),
  );
  return Array.isArray(value) ? picked : picked[0];
}
