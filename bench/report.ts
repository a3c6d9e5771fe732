import type { Engine } from './engines.ts';
import { median, percentile } from './figures.ts';
import { verbs } from './lifecycle.ts';
import { type Measured, mergeLatencies } from './load.ts';
import type { Round } from './rounds.ts';
import type { Program } from './sides.ts';
import type { Startup } from './startup.ts';

type Name = Program['name'];

/** The figures to reach, besides the engine's own. */
const targets = { startMs: 1_000, idleMiB: 150 };

const mebibyte = 1024 * 1024;

/** The results of the programs for one number of processes. */
interface Run {
  readonly nodes: number;
  readonly rounds: readonly Round[];
}

/** One engine's figures as text. */
export function report(engine: Engine, { nodes, rounds }: Run, { startMs, idleBytes }: Startup): string {
  const idleMiB = idleBytes / mebibyte;
  return [
    nodes === 1 ? engine.title : `${engine.title}; ${nodes} processes a side`,
    ...engine.floors.map(({ name, title }) => `${name}: Fastify, ${title}`),
    '',
    table(roundRows('lifecycles/s', rounds, perSecond, rate)),
    '',
    table(roundRows('process CPU a lifecycle, ms', rounds, cpuMs, (ms) => ms.toFixed(3))),
    ...(hasServer(rounds)
      ? ['', table(roundRows("the database server's CPU a lifecycle, ms", rounds, databaseMs, (ms) => ms.toFixed(3)))]
      : []),
    '',
    table(ratioRows(engine, rounds)),
    '',
    table(latencyRows(rounds)),
    '',
    table([
      ['target', 'wanted', 'measured', ''],
      [
        'start to listening',
        `<= ${targets.startMs} ms`,
        `${startMs.toFixed(0)} ms`,
        verdict(startMs <= targets.startMs),
      ],
      ['idle memory', `<= ${targets.idleMiB} MiB`, `${idleMiB.toFixed(0)} MiB`, verdict(idleMiB <= targets.idleMiB)],
    ]),
  ].join('\n');
}

/** The throughput of several processes on one database, by their number. */
export function nodesReport(engine: Engine, runs: readonly Run[]): string {
  const [first] = runs;
  const wanted = engine.wanted.find((each) => each.of === 'floor')!;
  const base = medianOf(first!.rounds, 'server', perSecond);
  const rows = runs.map(({ nodes, rounds }) => {
    const ratios = rounds.map((round) => perSecond(round.get('server')!) / perSecond(round.get('floor')!));
    return [
      String(nodes),
      rate(medianOf(rounds, 'floor', perSecond)),
      rate(medianOf(rounds, 'server', perSecond)),
      percent(median(ratios)),
      `${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`,
      percent(medianOf(rounds, 'server', perSecond) / base),
      `>= ${percent(wanted.ratio)}`,
      verdict(median(ratios) >= wanted.ratio),
    ];
  });
  const head = [
    ...['processes a side', 'floor', 'server', 'ratio', 'of rounds'],
    ...[`server, of that with ${first!.nodes}`, 'wanted ratio', ''],
  ];
  return [`Lifecycles/s through all processes on one database: ${engine.title}`, '', table([head, ...rows])].join('\n');
}

const perSecond = (measured: Measured) => measured.perSecond;
/**
 * CPU time of the processes (without PostgreSQL) per lifecycle. It varies less than the rates when other programs share
 * the CPU.
 */
const cpuMs = (measured: Measured) => measured.cpuMs ?? Number.NaN;

const databaseMs = (measured: Measured) => measured.databaseCpuMs ?? Number.NaN;
const hasServer = ([first]: readonly Round[]) => first?.get('server')?.databaseCpuMs !== undefined;

const medianOf = (rounds: readonly Round[], name: Name, figure: (measured: Measured) => number) =>
  median(rounds.map((round) => figure(round.get(name)!)));

const namesOf = (rounds: readonly Round[]): Name[] => programOrder.filter((name) => rounds[0]!.has(name));
const programOrder: readonly Name[] = ['leanest', 'floor', 'before', 'server'];

/** One figure of each program in each round, the medians, and the CPU use of the load generator. */
function roundRows(
  title: string,
  rounds: readonly Round[],
  figure: (measured: Measured) => number,
  write: (value: number) => string,
): string[][] {
  const names = namesOf(rounds);
  return [
    [title, ...names, 'generator, of a core'],
    ...rounds.map((round, i) => [
      `round ${i + 1}`,
      ...names.map((name) => write(figure(round.get(name)!))),
      names.map((name) => `${(round.get(name)!.generatorLoad * 100).toFixed(0)} %`).join(', '),
    ]),
    ['median', ...names.map((name) => write(medianOf(rounds, name, figure))), ''],
  ];
}

/** The server compared with each other program: above 100 % the server is better. */
function ratioRows(engine: Engine, rounds: readonly Round[]): string[][] {
  const others = namesOf(rounds).filter((name) => name !== 'server');
  const rows = (['cpu', 'rate'] as const).flatMap((by) =>
    others.map((name) => {
      const ratios = rounds.map((round) =>
        by === 'cpu'
          ? cpuMs(round.get(name)!) / cpuMs(round.get('server')!)
          : perSecond(round.get('server')!) / perSecond(round.get(name)!),
      );
      const wanted = engine.wanted.find((each) => each.of === name && each.by === by);
      return [
        `of ${name}, by ${by === 'cpu' ? 'CPU a lifecycle' : 'lifecycles/s'}`,
        ...[Math.min(...ratios), median(ratios), Math.max(...ratios)].map(percent),
        ...(wanted === undefined ? ['', ''] : [`>= ${percent(wanted.ratio)}`, verdict(median(ratios) >= wanted.ratio)]),
      ];
    }),
  );
  return [['the server reaches', 'min', 'median', 'max', 'wanted', ''], ...rows];
}

function latencyRows(rounds: readonly Round[]): string[][] {
  const names = namesOf(rounds);
  const latencies = names.map((name) => mergeLatencies(rounds.map((round) => round.get(name)!)));
  return [
    ['latency, ms', ...names.flatMap((name) => [`${name} p50`, 'p99'])],
    ...verbs.map((verb) => [
      verb,
      ...latencies.flatMap((of) => [0.5, 0.99].map((share) => percentile(of[verb], share).toFixed(1))),
    ]),
  ];
}

const rate = (value: number) => Math.round(value).toLocaleString('en-US');
const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
export const verdict = (reached: boolean) => (reached ? 'ok' : 'MISSED');

/** Columns aligned: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}
