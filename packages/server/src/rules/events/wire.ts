import { limits, resetType } from '@pinchwork/sdk';
import { wireTime } from '../../ground/clock.ts';
import type { EventRecord } from './queries.ts';

/** How events are written for their readers (contract section 8; WHATWG HTML, 9.2, "Server-sent events"). */

/** Some clients take these for the end of a line too. */
const lineEnds = /[\u0085\u2028\u2029]/g;

const oneLine = (json: string) =>
  json.replace(lineEnds, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** An event as JSON on one line, below the limit that line readers have. */
export function eventJson({ type, task_id, created_at, data }: EventRecord): string {
  const head = JSON.stringify({ type, task_id, timestamp: wireTime(created_at) }).slice(0, -1);
  const fields = data.slice(1, -1);
  const json = oneLine(fields === '' ? `${head}}` : `${head},${fields}}`);
  // A character takes six bytes at most: most events need not be measured.
  if (json.length * 6 <= limits.eventBytes || Buffer.byteLength(json) < limits.eventBytes) return json;
  return shortened(JSON.parse(json) as Record<string, unknown>);
}

/** Shortens the longest text until the whole fits. Escaped control characters alone make an event as long as that. */
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

/** Says that the numbers do not go on from the reader's position: what follows is all that is kept after `position`. */
export function resetFrame(position: number, nowMs: number): string {
  return frame(position, resetType, JSON.stringify({ type: resetType, task_id: null, timestamp: wireTime(nowMs) }));
}

/** Goes before the first event of a stream: how soon to come back when it breaks off. Alone, some readers take it for a broken event. */
export const retryLine = (retryMs: number): string => `retry: ${retryMs}\n`;

/**
 * A comment, which keeps the connection open. No empty line follows: some readers take one without data before it for a
 * broken event.
 *
 * @param position tells a reader that it knows all up to there: where it came in, or what it was spared.
 */
export const comment = (position?: number): string =>
  position === undefined ? ': still here\n' : `: at ${position}\n`;
