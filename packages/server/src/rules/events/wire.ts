import { limits, resetType } from '@pinchwork/sdk/table';
import { storedFields } from '../../ground/stored.ts';
import { wireTime } from '../../ground/clock.ts';
import type { EventRecord } from './queries.ts';

/** The text format of event streams (contract section 8; WHATWG HTML, 9.2, "Server-sent events"). */

/** Characters that some clients also treat as line ends. */
const lineEnds = /[\u0085\u2028\u2029]/g;

const oneLine = (json: string) =>
  json.replace(lineEnds, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** An event as one line of JSON, shorter than `limits.eventBytes`, for clients that limit the length of a line. */
export function eventJson({ type, task_id, created_at, data }: EventRecord): string {
  const head = JSON.stringify({ type, task_id, timestamp: wireTime(created_at) }).slice(0, -1);
  const fields = data.slice(1, -1);
  const json = oneLine(fields === '' ? `${head}}` : `${head},${fields}}`);
  // A UTF-16 code unit takes at most three bytes; six leaves a margin. Most events need not be measured.
  if (json.length * 6 <= limits.eventBytes || Buffer.byteLength(json) < limits.eventBytes) return json;
  return shortened(storedFields(json));
}

/** Halves the longest text until the event fits. Only texts of many escaped control characters are that long. */
function shortened(event: Record<string, unknown>): string {
  for (;;) {
    const json = oneLine(JSON.stringify(event));
    if (Buffer.byteLength(json) < limits.eventBytes) return json;
    const lengthOf = (name: string) => String(event[name]).length;
    const longest = Object.keys(event).reduce((a, b) => (lengthOf(b) > lengthOf(a) ? b : a));
    const half = String(event[longest]).slice(0, lengthOf(longest) / 2);
    event[longest] = `${half.replace(/[\ud800-\udbff]$/, '')}…`;
  }
}

/** One message of a stream. */
export const frame = (id: number, type: string, json: string): string => `id: ${id}\nevent: ${type}\ndata: ${json}\n\n`;

/** One message of the public stream, which has no numbers. */
export const publicFrame = (type: string, json: string): string => `event: ${type}\ndata: ${oneLine(json)}\n\n`;

/** A message that the numbers do not continue from the reader's position: the stream continues after `position`. */
export function resetFrame(position: number, nowMs: number): string {
  return frame(position, resetType, JSON.stringify({ type: resetType, task_id: null, timestamp: wireTime(nowMs) }));
}

/**
 * The time after which to reconnect. Written before the first event, because some clients take it alone for a broken
 * event.
 */
export const retryLine = (retryMs: number): string => `retry: ${retryMs}\n`;

/**
 * A comment, which keeps the connection open. No empty line follows, because some clients take an empty line without
 * data before it for a broken event.
 *
 * @param position number up to which the reader has all events that it asked for: its start, or the last filtered
 *   event.
 */
export const comment = (position?: number): string =>
  position === undefined ? ': still here\n' : `: at ${position}\n`;
