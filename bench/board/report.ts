import { table } from '../report.ts';
import type { Kind } from './cases.ts';
import type { Crowd } from './crowd.ts';
import type { Measured } from './main.ts';
import type { Figures } from './measure.ts';

/** The figures to reach, in milliseconds. */
const targets = { quickMs: 20, timesSmall: 2, overSmallMs: 5, thoroughMs: 150, othersDelayedMs: 10 };

/** Both boards' figures, next to each other. */
export function boardReport(small: Measured, large: Measured): string {
  const count = ({ tasks }: Measured) => tasks.toLocaleString('en-US');
  const quiet = quietest(large);
  const rows = large.cases.map(({ name, kind, figures }, i) => {
    const before = small.cases[i]!.figures;
    return [
      name,
      ...[before.p50, before.p99, figures.p50, figures.p99].map(ms),
      `${(figures.p99 / before.p99).toFixed(1)} x`,
      ms(figures.othersP99),
      isReached(kind, before, figures, quiet) ? 'ok' : 'MISSED',
    ];
  });
  return [
    table([
      [
        'median of the rounds, ms',
        `${count(small)}: p50`,
        'p99',
        `${count(large)}: p50`,
        'p99',
        'p99 ratio',
        'others p99',
        '',
      ],
      ...rows,
    ]),
    '',
    `  Wanted: p99 of ${targets.quickMs} ms, and ${targets.timesSmall} x the small board's or ${targets.overSmallMs} ms more;`,
    `  of what may look through much ${targets.thoroughMs} ms, and others delayed by ${targets.othersDelayedMs} ms (at rest their p99 is ${ms(quiet)}).`,
    '',
    table([
      ['50 workers at once', 'claim-next/s', 'by id/s', 'taken twice', 'empty-handed'],
      ...[small, large].map((board) => [`${count(board)} tasks`, ...crowdCells(board.crowd)]),
    ]),
  ].join('\n');
}

const crowdCells = ({ claimsPerSecond, byIdPerSecond, takenTwice, emptyHanded }: Crowd) =>
  [claimsPerSecond, byIdPerSecond, takenTwice, emptyHanded].map((value) => Math.round(value).toLocaleString('en-US'));

/** The latency of another client's requests while cheap requests run. */
const quietest = ({ cases }: Measured) => Math.min(...cases.map(({ figures }) => figures.othersP99));

function isReached(kind: Kind, small: Figures, large: Figures, quiet: number): boolean {
  if (kind === 'thorough') {
    return large.p99 <= targets.thoroughMs && large.othersP99 <= quiet + targets.othersDelayedMs;
  }
  const wanted = Math.max(small.p99 * targets.timesSmall, small.p99 + targets.overSmallMs);
  return large.p99 <= Math.min(targets.quickMs, wanted);
}

const ms = (value: number) => value.toFixed(1);
