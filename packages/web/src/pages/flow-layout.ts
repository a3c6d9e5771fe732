import type { Flow, Outcomes } from '../models.ts';

/** The geometry of the picture of flows: nodes on two sides, and links whose widths are to scale. */

export const outcomeNames = ['paid', 'fee', 'unspent', 'returned', 'held'] as const;

const drawnHeight = 330;
const gapOfTags = 15;
/** An outcome has room for its label, however small it is. */
const leastOut = 2;
const leastPitch = 19;
const leastSource = 30;

export const sumOf = (outcomes: Outcomes): number => outcomeNames.reduce((sum, name) => sum + outcomes[name], 0);

interface Link {
  readonly outcome: keyof Outcomes;
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

export interface FlowLayout {
  readonly height: number;
  readonly totals: Outcomes;
  readonly rows: readonly {
    readonly tag: string | undefined;
    readonly outcomes: Outcomes;
    readonly y: number;
    readonly height: number;
    readonly links: readonly Link[];
  }[];
  readonly outs: readonly { readonly outcome: keyof Outcomes; readonly y: number; readonly height: number }[];
}

const round = (value: number) => Math.round(value * 10) / 10;

/** The sums of all rows. */
function totalsOf(flow: Flow): Outcomes {
  const sum = (name: keyof Outcomes) => flow.rows.reduce((all, { outcomes }) => all + outcomes[name], 0);
  return {
    paid: sum('paid'),
    fee: sum('fee'),
    unspent: sum('unspent'),
    returned: sum('returned'),
    held: sum('held'),
  };
}

/** Places all nodes and links. */
export function layFlow(flow: Flow): FlowLayout {
  const totals = totalsOf(flow);
  const scale = (drawnHeight - gapOfTags * (flow.rows.length - 1)) / Math.max(1, sumOf(totals));
  const outs: FlowLayout['outs'][number][] = [];
  /** Where the next link ends, by outcome. */
  const ends = new Map<keyof Outcomes, number>();
  let y = 0;
  for (const outcome of outcomeNames) {
    const height = Math.max(leastOut, totals[outcome] * scale);
    // The label, of one line, is at the middle: two small neighbours need room for theirs.
    const room = Math.max(height, leastPitch);
    const top = y + (room - height) / 2;
    outs.push({ outcome, y: round(top), height: round(height) });
    ends.set(outcome, top);
    y += room + (outcome === 'fee' || outcome === 'returned' ? 16 : 4);
  }
  let from = 0;
  const rows = flow.rows.map(({ tag, outcomes }) => {
    const height = Math.max(1, sumOf(outcomes) * scale);
    const room = Math.max(height, leastSource);
    const top = from + (room - height) / 2;
    from += room + gapOfTags;
    let start = top;
    const links = outcomeNames.flatMap((outcome) => {
      if (outcomes[outcome] === 0) return [];
      const width = outcomes[outcome] * scale;
      const end = ends.get(outcome) ?? 0;
      ends.set(outcome, end + width);
      start += width;
      return [
        { outcome, from: round(start - width / 2), to: round(end + width / 2), width: round(Math.max(0.6, width)) },
      ];
    });
    return { tag, outcomes, y: round(top), height: round(height), links };
  });
  return { height: Math.max(from - gapOfTags, y), totals, rows, outs };
}
