/** The program's source of time and of wake-ups. It is injected, so that tests control the time. */
export interface Clock {
  /** Milliseconds since 1970 in UTC. */
  now(): number;
  /** Calls `wake` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, wake: () => void): () => void;
}

/** The longest delay of `setTimeout` (2^31 - 1 ms, 24.8 days). A longer one would fire at once. */
const longestTimeoutMs = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, wake) => {
    const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), longestTimeoutMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;

/**
 * The deadline of a period of `periodMs` that begins at `nowMs`, rounded up to a whole second. Deadlines are whole
 * seconds because the wire shows whole seconds; rounding up keeps them from being early.
 */
export function deadlineAfter(nowMs: number, periodMs: number): number {
  return Math.ceil((nowMs + periodMs) / secondMs) * secondMs;
}

/** A time as the wire writes it: `2025-01-15T10:30:00+00:00` (contract section 1; some clients can't read `Z`). */
export function wireTime(atMs: number): string;
export function wireTime(atMs: number | null): string | null;
export function wireTime(atMs: number | null): string | null {
  if (atMs === null) return null;
  const day = dayOf(atMs);
  const seconds = Math.floor((atMs - day * dayMs) / secondMs);
  const minutes = Math.floor(seconds / 60);
  return `${knownDay(day)}T${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}:${twoDigits(seconds % 60)}+00:00`;
}

const dayMs = 24 * hourMs;

/** The texts of days. Most times in replies are of a few days, and making the text of a `Date` takes 0.4 µs. */
const daysKnown = new Map<number, string>();
const mostDaysKnown = 1_000;

function knownDay(day: number): string {
  const known = daysKnown.get(day);
  if (known !== undefined) return known;
  if (daysKnown.size >= mostDaysKnown) daysKnown.clear();
  const text = wireDay(day);
  daysKnown.set(day, text);
  return text;
}

const twoDigits = (value: number) => (value < 10 ? `0${value}` : `${value}`);

/** The day of a point in time, counted from 1970, in UTC. */
export const dayOf = (ms: number): number => Math.floor(ms / dayMs);

/** A day as replies have it: `2026-01-15`. */
export const wireDay = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);
