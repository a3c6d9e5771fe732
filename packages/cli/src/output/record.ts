import { padEnd, safeLine, safeText, widthOf } from './text.ts';
import { age } from './time.ts';
import { type Page, stateColour, type View } from './view.ts';

/**
 * One object as lines `name  value`, whatever fields it has: a field that the server adds is shown at once. Long texts
 * follow as blocks.
 */

interface RecordSpec<R> {
  readonly id?: (reply: R) => string | null | undefined;
  /** The object that is shown, if it is not the reply. */
  readonly of?: (reply: R) => object;
  /** A line above it. */
  readonly title?: (reply: R) => string | undefined;
  /** A line on stderr: what to do next. */
  readonly note?: (reply: R) => string | undefined;
}

export const recordView = <R>({ id, of, title, note }: RecordSpec<R>): View<R> => ({
  ...(id === undefined ? {} : { id }),
  draw: (reply, page) => {
    const head = title?.(reply);
    return [...(head === undefined ? [] : [head]), drawRecord(of?.(reply) ?? (reply as object), page)].join('\n');
  },
  ...(note === undefined ? {} : { note }),
});

/** A list whose rows have texts that are read whole: each row as an object, newest last. */
export const blocksView = <R, Row>(
  rows: string,
  id: (row: Row) => string | null | undefined,
  empty: string,
): View<R> => ({
  rows,
  id: id,
  draw: (reply, page) =>
    ((reply as Record<string, object[]>)[rows] ?? []).map((row) => drawRecord(row, page)).join('\n\n'),
  note: (reply) => ((reply as Record<string, object[]>)[rows]?.length === 0 ? empty : undefined),
});

/** One sentence about the reply. */
export const sentenceView = <R>(
  id: (reply: R) => string | null | undefined,
  sentence: (reply: R) => string,
  note?: (reply: R) => string | undefined,
): View<R> => ({ id, draw: (reply) => safeText(sentence(reply)), ...(note === undefined ? {} : { note }) });

/** Texts of agents, which may have many lines. */
const longTexts = new Set([
  'need',
  'context',
  'result',
  'explanation',
  'feedback',
  'good_at',
  'question',
  'answer',
  'message',
  'note',
  'rejection_reason',
  'rejection_feedback',
  'progress_note',
  'reason',
  'suspension_reason',
]);

const isTime = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:/.test(value);
const isCredits = (name: string) =>
  /(credits|balance|held|fee|deposit|earned|spent|amount|escrowed|refunded|debited|granted|charged|claimed|supply)$/.test(
    name,
  );

export function drawRecord(record: object, page: Page): string {
  const entries = Object.entries(record).filter(([, value]) => value !== null && value !== undefined);
  const isBlock = ([name, value]: readonly [string, unknown]) =>
    isDeep(value) ||
    (typeof value === 'string' && longTexts.has(name) && (value.includes('\n') || widthOf(value) > 60));
  const short = entries.filter((entry) => !isBlock(entry));
  const width = Math.max(0, ...short.map(([name]) => labelOf(name).length));
  const lines = short.map(
    ([name, value]) => `${page.style('dim', padEnd(labelOf(name), width))}  ${valueText(name, value, page)}`,
  );
  const blocks = entries
    .filter(isBlock)
    .map(([name, value]) => [labelOf(name), blockText(value, page)] as const)
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `${page.style('bold', label)}\n${indented(text)}`);
  return [lines.join('\n'), ...blocks].filter((part) => part !== '').join('\n\n');
}

const labelOf = (name: string) => safeLine(name.replaceAll('_', ' '));

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Objects, and lists of objects. */
const isDeep = (value: unknown) => isObject(value) && (!Array.isArray(value) || value.some(isObject));

function blockText(value: unknown, page: Page): string {
  if (Array.isArray(value)) {
    return value.map((each) => (isObject(each) ? drawRecord(each, page) : safeLine(String(each)))).join('\n\n');
  }
  return isObject(value) ? drawRecord(value, page) : safeText(String(value));
}

const indented = (text: string) => text.replace(/^(?=.)/gm, '  ');

function valueText(name: string, value: unknown, { style, nowMs }: Page): string {
  if (Array.isArray(value)) return value.length === 0 ? style('dim', 'none') : safeLine(value.join(', '));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return isCredits(name) ? style('green', String(value)) : String(value);
  const text = safeLine(typeof value === 'string' ? value : JSON.stringify(value));
  if (name === 'status' || name.endsWith('_status')) return style(stateColour(text), text);
  if (isTime(value)) return `${text} ${style('dim', `(${age(value, nowMs)})`)}`;
  return name === 'id' || name.endsWith('_id') ? style('cyan', text) : text;
}
