import type { PinchworkEvent } from '@pinchwork/sdk';
import type { Context } from '../command/row.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { eventView, resetLine } from '../output/events.ts';
import { rowPrinter } from '../output/rows.ts';

interface EventFlags {
  readonly types?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly task?: string | undefined;
  readonly limit?: number | undefined;
}

/** Follows the events of the agent, until Ctrl-C or `limit`. */
export async function followEvents(context: Context, flags: EventFlags): Promise<ExitCode> {
  const { client, signal } = context;
  const since = sinceOf(flags.since, context.clock.now());
  const types = flags.types as readonly PinchworkEvent['type'][] | undefined;
  const write = rowPrinter(context, eventView);
  let shown = 0;
  for await (const event of client.events({ after: since?.after, types }, { signal })) {
    if (event.type === 'reset') await context.tell(resetLine);
    if (event.type === 'reset' || !isWanted(event, flags.task, since?.fromMs)) continue;
    await write(event);
    if (flags.limit !== undefined && ++shown >= flags.limit) return exitCodes.done;
  }
  return exitCodes.interrupted;
}

function isWanted(event: PinchworkEvent, task: string | undefined, fromMs = 0): boolean {
  return (task === undefined || event.task_id === task) && Date.parse(event.timestamp) >= fromMs;
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Where to begin: after the number of an event, or at a time. */
function sinceOf(given: string | undefined, nowMs: number): { after: number; fromMs?: number } | undefined {
  if (given === undefined) return undefined;
  if (/^\d+$/.test(given)) return { after: Number(given) };
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(given) ?? [];
  if (count !== undefined) return { after: 0, fromMs: nowMs - Number(count) * (unitsMs[unit] ?? 0) };
  const time = Date.parse(given);
  if (/^\d{4}-\d\d-\d\d/.test(given) && !Number.isNaN(time)) return { after: 0, fromMs: time };
  throw usage(
    `--since must be the number of an event, an age such as 90s, 15m, 2h or 3d, or a time, not "${given}"`,
    'pinchwork events --help',
  );
}
