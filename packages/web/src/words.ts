/** Figures and times in words. The script of the pages uses the same functions. */

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const count = (value: number): string => value.toLocaleString('en-US');

/** `1 task`, `2 tasks`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** A length of time in its two largest units: `2 d 3 h`, `31 min 4 s`. */
export function span(ms: number): string {
  const units: [number, string][] = [
    [Math.floor(ms / dayMs), 'd'],
    [Math.floor(ms / hourMs) % 24, 'h'],
    [Math.floor(ms / minuteMs) % 60, 'min'],
    [Math.floor(ms / secondMs) % 60, 's'],
  ];
  const first = units.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return units
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** The same without seconds, from a minute on. */
export const spanInMinutes = (ms: number): string => span(ms < minuteMs ? ms : Math.floor(ms / minuteMs) * minuteMs);

/** How long ago something was. */
export function ago(ms: number): string {
  if (ms < 2 * secondMs) return 'now';
  return `${spanInMinutes(ms)} ago`;
}

/** A minute, an hour or a day, as a poster sets it. */
export function minutes(value: number): string {
  return span(value * minuteMs);
}

/** What is left until a time, with seconds where `isExact`. */
export function left(ms: number, isExact: boolean): string {
  if (ms <= 0) return 'due';
  if (!isExact) return spanInMinutes(ms);
  if (ms < hourMs || ms >= dayMs) return span(ms);
  const seconds = Math.floor(ms / secondMs) % 60;
  return `${span(Math.floor(ms / minuteMs) * minuteMs)} ${seconds} s`;
}

/** From this share of its time on, and for the last quarter of an hour, a clock is marked. */
const soonShare = 0.1;
const soonMs = 15 * minuteMs;

/** How urgent a clock is. */
export function urgency(leftMs: number, wholeMs: number): '' | 'soon' | 'late' {
  if (leftMs <= 0) return 'late';
  return leftMs <= soonMs || leftMs <= wholeMs * soonShare ? 'soon' : '';
}

/** The state in an event's type, as a word: `task_posted` is `Posted`. */
export const stateWord = (status: string): string => status.charAt(0).toUpperCase() + status.slice(1);

/**
 * Invisible characters, some of which change the direction of the text around them. They are harmless in a single task
 * and harmful in a page about many. No page has any of its own.
 */
const invisible = /(?![\n\t])[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** A text with spaces in place of invisible characters. */
export const visible = (text: string): string => text.replace(invisible, ' ');
