import type { Colour } from './style.ts';
import { fit, padEnd, padStart, safeLine, widthOf } from './text.ts';
import { age } from './time.ts';
import { type Page, stateColour, type View } from './view.ts';

/** What a column holds decides how it is aligned and coloured, and whether it may be cut. */
type ColumnKind = 'id' | 'text' | 'credits' | 'change' | 'number' | 'state' | 'age' | 'tags';

type CellValue = string | number | boolean | readonly string[] | null | undefined;

interface Column<R> {
  readonly head: string;
  readonly kind: ColumnKind;
  of(row: R): CellValue;
}

const col =
  (kind: ColumnKind) =>
  <R>(head: string, of: (row: R) => CellValue): Column<R> => ({ head, kind, of });

/** Columns by kind: `id('TASK', (task) => task.task_id)`. */
export const column = {
  id: col('id'),
  text: col('text'),
  credits: col('credits'),
  /** Credits that came (green) or went (red). */
  change: col('change'),
  number: col('number'),
  state: col('state'),
  age: col('age'),
  tags: col('tags'),
};

const cuttable = new Set<ColumnKind>(['text', 'tags']);
const rightAligned = new Set<ColumnKind>(['credits', 'change', 'number']);
const gap = '  ';
/** Below this a column of text says nothing. */
const leastTextColumns = 10;

interface TableSpec<R, Row> {
  /** The field of the reply with its rows. */
  readonly rows: string;
  readonly id: (row: Row) => string | null | undefined;
  readonly columns: readonly Column<Row>[];
  /** What is said where there are no rows. */
  readonly empty: string;
  /** A line above the table. */
  readonly title?: (reply: R) => string | undefined;
  readonly note?: (reply: R) => string | undefined;
}

/** A list as a table that fits the terminal. */
export function tableView<R, Row>(spec: TableSpec<R, Row>): View<R> {
  const rowsOf = (reply: R) => (reply as Record<string, readonly Row[]>)[spec.rows] ?? [];
  return {
    rows: spec.rows,
    id: spec.id,
    draw: (reply, page) => {
      const title = spec.title?.(reply);
      const rows = rowsOf(reply);
      const table = rows.length === 0 ? '' : drawTable(rows, spec.columns, page);
      return [title, table].filter((part) => part !== undefined && part !== '').join('\n');
    },
    note: (reply) =>
      spec.note?.(reply) ?? (rowsOf(reply).length === 0 ? spec.empty : restOf(reply, rowsOf(reply).length)),
  };
}

/** Says that a list goes on. */
function restOf(reply: unknown, shown: number): string | undefined {
  const { total, next_cursor: cursor } = reply as { total?: number; next_cursor?: string | null };
  if (cursor == null) return undefined;
  return `${shown}${total === undefined ? '' : ` of ${total}`} shown; see more with --limit, or go on with --cursor ${cursor}`;
}

interface Cell {
  readonly text: string;
  readonly colour: Colour | undefined;
}

function cellOf<R>({ kind, of }: Column<R>, row: R, { nowMs }: Page): Cell {
  const value = of(row);
  if (value === null || value === undefined || value === '') return { text: '–', colour: 'dim' };
  switch (kind) {
    case 'id':
      return { text: safeLine(String(value)), colour: 'cyan' };
    case 'credits':
      return { text: String(value), colour: 'green' };
    case 'change': {
      const change = Number(value);
      return { text: change > 0 ? `+${change}` : String(change), colour: change < 0 ? 'red' : 'green' };
    }
    case 'state':
      return { text: safeLine(String(value)), colour: stateColour(String(value)) };
    case 'age':
      return { text: age(String(value), nowMs), colour: 'dim' };
    case 'tags':
      return { text: safeLine(Array.isArray(value) ? value.join(', ') : String(value)) || '–', colour: 'dim' };
    default:
      return { text: safeLine(String(value)), colour: undefined };
  }
}

export function drawTable<R>(rows: readonly R[], columns: readonly Column<R>[], page: Page): string {
  const cells = rows.map((row) => columns.map((column) => cellOf(column, row, page)));
  const natural = columns.map(({ head }, i) =>
    Math.max(widthOf(head), ...cells.map((line) => widthOf(line[i]?.text ?? ''))),
  );
  const widths = page.columns === undefined ? natural : fitted(natural, columns, page.columns);
  // Too narrow for a table: each row as a block, in which no id is cut.
  if (widths === undefined) return drawBlocks(cells, columns, page);
  const line = (drawn: readonly Cell[]) =>
    columns
      .map(({ kind }, i) => {
        const width = widths[i] ?? 0;
        const { text, colour } = drawn[i] ?? { text: '', colour: undefined };
        const cut = fit(text, width);
        const isLast = i === columns.length - 1;
        const padded = rightAligned.has(kind) ? padStart(cut, width) : isLast ? cut : padEnd(cut, width);
        return page.style(colour, padded);
      })
      .join(gap)
      .trimEnd();
  const head = columns.map(({ head: text }) => ({ text, colour: 'bold' as const }));
  return [head, ...cells].map(line).join('\n');
}

/** The widths in which the table fits: columns of text give way, the widest first. Undefined if that is not enough. */
function fitted<R>(natural: readonly number[], columns: readonly Column<R>[], most: number): number[] | undefined {
  const widths = [...natural];
  const sum = () => widths.reduce((total, width) => total + width, gap.length * (columns.length - 1));
  while (sum() > most) {
    const free = columns
      .map(({ kind }, i) => ({ i, width: widths[i] ?? 0, isFree: cuttable.has(kind) }))
      .filter(({ width, isFree }) => isFree && width > leastTextColumns)
      .sort((a, b) => b.width - a.width);
    const [widest, second] = free;
    if (widest === undefined) return undefined;
    const floor = Math.max(leastTextColumns, second?.width ?? 0);
    const less = Math.max(1, widest.width - floor);
    widths[widest.i] = widest.width - Math.min(less, sum() - most);
  }
  return widths;
}

function drawBlocks<R>(cells: readonly (readonly Cell[])[], columns: readonly Column<R>[], page: Page): string {
  return cells
    .map((line) =>
      columns
        .map(({ head, kind }, i) => {
          const { text, colour } = line[i] ?? { text: '', colour: undefined };
          const left = (page.columns ?? 0) - widthOf(head) - 1;
          return `${page.style('bold', head)} ${page.style(colour, cuttable.has(kind) ? fit(text, Math.max(left, leastTextColumns)) : text)}`;
        })
        .join('\n'),
    )
    .join('\n\n');
}
