import { ago, left, urgency } from '../words.ts';

const moment = (at: number) => new Date(at).toISOString();

/** `2026-03-12 14:20:24 UTC` */
export const exactly = (at: number): string => `${moment(at).slice(0, 19).replace('T', ' ')} UTC`;

const dayInWords = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
export const day = (at: number): string => dayInWords.format(at);

const minuteInWords = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

/** A time as its date and minute. */
export function Moment({ at }: { at: number }) {
  return (
    <time datetime={moment(at)} title={exactly(at)}>
      {minuteInWords.format(at).replace(' at ', ', ')} UTC
    </time>
  );
}

const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});

/** A time of the day, with its date where that is another day than `now`. */
export function Clock({ at, now }: { at: number; now: number }) {
  const isToday = moment(at).slice(0, 10) === moment(now).slice(0, 10);
  return (
    <time datetime={moment(at)} title={exactly(at)}>
      {isToday ? moment(at).slice(11, 19) : dayAndTime.format(at)}
    </time>
  );
}

/** How long ago a time was; the script keeps it true. */
export function Ago({ at, now }: { at: number; now: number }) {
  return (
    <time datetime={moment(at)} title={exactly(at)} data-ago>
      {ago(now - at)}
    </time>
  );
}

interface CountdownProps {
  /** When it began, for the ring that empties. */
  readonly from: number;
  readonly at: number;
  readonly now: number;
  readonly isExact?: boolean;
}

/** What is left until a time; the script counts on. */
export function Countdown({ from, at, now, isExact = false }: CountdownProps) {
  const whole = Math.max(1, at - from);
  const rest = Math.max(0, at - now);
  return (
    <time
      class={`count ${urgency(rest, whole)}`.trim()}
      datetime={moment(at)}
      title={exactly(at)}
      data-from={moment(from)}
      data-count={isExact ? 'exact' : 'short'}
    >
      <svg class="ring" viewBox="0 0 16 16" aria-hidden="true">
        <circle class="t" cx="8" cy="8" r="6" />
        <circle
          class="l"
          cx="8"
          cy="8"
          r="6"
          pathLength="100"
          stroke-dasharray={`${Math.round((rest / whole) * 100)} 100`}
        />
      </svg>
      <span>{left(rest, isExact)}</span>
    </time>
  );
}
