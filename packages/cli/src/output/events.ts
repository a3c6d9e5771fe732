import type { PinchworkEvent } from '@pinchwork/sdk';
import type { RowView } from './rows.ts';
import type { Style } from './style.ts';
import { safeLine } from './text.ts';

/** An event of an agent, or one of the market, which has no number. */
interface AnyEvent {
  readonly id?: number;
  readonly type: string;
  readonly task_id?: string | null;
  readonly timestamp: string;
}

function eventLine({ id, type, task_id: taskId, timestamp, ...data }: AnyEvent, style: Style): string {
  const parts = Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const number = id === undefined ? '' : String(id);
  const words = [style('dim', safeLine(timestamp)), number, style('bold', safeLine(type)), safeLine(taskId ?? '')];
  return [...words, safeLine(parts.join(' '))].filter((word) => word !== '').join('  ');
}

/** Events of the agent: their ids are their numbers. */
export const eventView: RowView<PinchworkEvent> = {
  row: (event) => event,
  id: ({ id }) => String(id),
  line: eventLine,
};

/** Events of the market: their ids are those of the tasks. */
export const marketEventView: RowView<AnyEvent> = {
  row: (event) => event,
  id: ({ task_id: id }) => id ?? undefined,
  line: eventLine,
};

export const resetLine =
  'The server cannot go on from the last position: events between it and the next one are missing, or come again.';
