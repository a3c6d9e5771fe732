import type { Engine } from './engines.ts';
import { median, percentile } from './figures.ts';
import { verbs } from './lifecycle.ts';
import { type Measured, mergeLatencies } from './load.ts';
import type { Round } from './rounds.ts';
import { type SideName, sideNames } from './sides.ts';
import type { Startup } from './startup.ts';

/** The figures to reach. */
const targets = { ratio: 0.5, startMs: 1_000, idleMiB: 150 };

const mebibyte = 1024 * 1024;

/** One engine's figures as text. */
export function report(engine: Engine, { nodes, rounds }: Run, { startMs, idleBytes }: Startup): string {
  const ratios = ratiosOf(rounds);
  const ratio = median(ratios);
  const idleMiB = idleBytes / mebibyte;
  return [
    nodes === 1 ? engine.title : `${engine.title}; ${nodes} processes a side`,
    `Floor: Fastify, ${engine.floorTitle}`,
    '',
    table(lifecycleRows(rounds, ratios)),
    '',
    table(latencyRows(rounds)),
    '',
    table([
      ['target', 'wanted', 'measured', ''],
      ['server / floor', `>= ${percent(targets.ratio)}`, percent(ratio), verdict(ratio >= targets.ratio)],
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

/** What each side did with so many processes. */
export interface Run {
  readonly nodes: number;
  readonly rounds: readonly Round[];
}

/** What several processes on one database get done, beside one another. */
export function nodesReport(engine: Engine, runs: readonly Run[]): string {
  const [first] = runs;
  const base = medianOf(first!.rounds, 'server');
  const rows = runs.map(({ nodes, rounds }) => {
    const ratios = ratiosOf(rounds);
    return [
      String(nodes),
      rate(medianOf(rounds, 'floor')),
      rate(medianOf(rounds, 'server')),
      percent(median(ratios)),
      `${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`,
      percent(medianOf(rounds, 'server') / base),
      `>= ${percent(targets.ratio)}`,
      verdict(median(ratios) >= targets.ratio),
    ];
  });
  const head = [
    'processes a side',
    ...sideNames,
    'ratio',
    'of rounds',
    `server, of that with ${first!.nodes}`,
    'wanted ratio',
    '',
  ];
  return [`Lifecycles/s through all processes on one database: ${engine.title}`, '', table([head, ...rows])].join('\n');
}

const ratiosOf = (rounds: readonly Round[]) => rounds.map(({ floor, server }) => server.perSecond / floor.perSecond);
const medianOf = (rounds: readonly Round[], side: SideName) => median(rounds.map((round) => round[side].perSecond));

function lifecycleRows(rounds: readonly Round[], ratios: readonly number[]): string[][] {
  const range = `${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`;
  return [
    ['lifecycles/s', ...sideNames, 'ratio', 'generator, of a core'],
    ...rounds.map(({ floor, server }, i) => [
      `round ${i + 1}`,
      rate(floor.perSecond),
      rate(server.perSecond),
      percent(ratios[i]!),
      `${share(floor)}, ${share(server)}`,
    ]),
    ['median', rate(medianOf(rounds, 'floor')), rate(medianOf(rounds, 'server')), percent(median(ratios)), range],
    cpuRow(rounds),
  ];
}

/**
 * Processor time that one lifecycle costs the processes (not PostgreSQL): steadier than the rates where other programs
 * share the processors.
 */
function cpuRow(rounds: readonly Round[]): string[] {
  const [floor, server] = sideNames.map((side) => median(rounds.map((round) => round[side].cpuMs ?? Number.NaN)));
  return ['process cpu, ms', floor!.toFixed(3), server!.toFixed(3), percent(floor! / server!), ''];
}

function latencyRows(rounds: readonly Round[]): string[][] {
  const floor = mergeLatencies(rounds.map((round) => round.floor));
  const server = mergeLatencies(rounds.map((round) => round.server));
  return [
    ['latency, ms', 'floor p50', 'p99', 'server p50', 'p99'],
    ...verbs.map((verb) => [
      verb,
      ...[floor[verb], server[verb]].flatMap((sorted) => [0.5, 0.99].map((p) => percentile(sorted, p).toFixed(1))),
    ]),
  ];
}

const rate = (perSecond: number) => Math.round(perSecond).toLocaleString('en-US');
const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
const share = ({ generatorLoad }: Measured) => `${(generatorLoad * 100).toFixed(0)} %`;
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
