import type { AnyCommand, Group } from '../command/row.ts';
import type { Io } from '../io.ts';
import { wantedAfter } from './complete.ts';
import { liveCandidates } from './live.ts';

/** `pinchwork __complete WORDS`: prints what may come next. Silent whatever happens: a shell waits for it. */
export async function complete(
  typed: readonly string[],
  commands: readonly AnyCommand[],
  groups: readonly Group[],
  io: Io,
): Promise<void> {
  const wanted = wantedAfter(typed, { commands, groups });
  const { live, before, begun } = wanted;
  if (live === 'file') return io.stdout.write(':file\n');
  const more = live === undefined ? [] : await liveCandidates(live, wanted, io).catch(() => []);
  const lines = [...wanted.candidates, ...more]
    .filter(({ value }) => value.startsWith(begun))
    .map(({ value, about }) => `${before}${value}\t${about}\n`);
  await io.stdout.write(lines.join(''));
}
