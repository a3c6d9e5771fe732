import { table, verdict } from '../report.ts';
import type { Beside } from './beside.ts';

/** The measurements of a market with this many finished tasks. */
export interface Grown {
  readonly tasks: number;
  /** The size of its backup. */
  readonly bytes: number;
  readonly startMs: number;
  readonly cpuMs: number;
  readonly perSecond: number;
  readonly claimMs: number;
  readonly browseMs: number;
  /** Others' requests while nothing else runs, while audits run, and while a backup runs. */
  readonly quiet: Beside;
  readonly whole: Beside;
  readonly recent: Beside;
  /** The tasks that the recent audits read, in all. */
  readonly recentTasks: number;
  readonly backup: Beside;
}

const targets = { flat: 1.3, othersTimes: 3, logMb: 64 };

/** The markets side by side, each compared with the smallest. */
export function growthReport(grown: readonly Grown[]): string {
  const [first] = grown;
  const row = (name: string, of: (each: Grown) => number, better: 'less' | 'more' = 'less', digits = 2) => {
    const ratios = grown.map((each) => (better === 'less' ? of(each) / of(first!) : of(first!) / of(each)));
    const worst = Math.max(...ratios);
    const cells = grown.map((each) => of(each).toFixed(digits));
    return [name, ...cells, `${worst.toFixed(2)} x`, verdict(worst <= targets.flat)];
  };
  const header = grown.map(({ tasks }) => tasks.toLocaleString('en-US'));
  const flat = table([
    ['finished tasks', ...header, 'worst ratio', ''],
    row('CPU a lifecycle, ms', ({ cpuMs }) => cpuMs),
    row('claim-next, ms (median)', ({ claimMs }) => claimMs),
    row('browse, ms (median)', ({ browseMs }) => browseMs),
    row('start, ms (median)', ({ startMs }) => startMs, 'less', 0),
    row('whole audit, tasks/s', ({ tasks, whole }) => (tasks / whole.ms) * 1_000, 'more', 0),
    row('recent audit, tasks/s', ({ recentTasks, recent }) => (recentTasks / recent.ms) * 1_000, 'more', 0),
    row('backup, MB/s', ({ bytes, backup }) => bytes / 1e3 / backup.ms, 'more', 1),
  ]);
  const beside = grown.flatMap((each) =>
    (['quiet', 'whole', 'recent', 'backup'] as const).map((name) => {
      const { ms, p50, p99, perSecond, logMb } = each[name];
      const times = p99 / each.quiet.p99;
      const isReached = times <= targets.othersTimes && logMb <= targets.logMb;
      return [
        `${each.tasks.toLocaleString('en-US')}, ${names[name]}`,
        ...[ms / 1_000, perSecond, p50, p99, times, logMb].map((value) => value.toFixed(1)),
        verdict(isReached),
      ];
    }),
  );
  return [
    flat,
    `  Wanted: at most ${targets.flat} x the smallest market's.`,
    '',
    table([['beside others', 'seconds', 'lifecycles/s', 'p50 ms', 'p99 ms', 'p99 ratio', 'log MB', ''], ...beside]),
    `  Wanted: others' p99 at most ${targets.othersTimes} x the quiet one, the log at most ${targets.logMb} MB.`,
  ].join('\n');
}

const names = { quiet: 'nothing else', whole: 'whole audit', recent: 'recent audits', backup: 'backup' };
