import { plural } from '../words.ts';

const dayMs = 24 * 60 * 60 * 1000;
const [cell, cellHeight, stepX, stepY, originX, originY] = [21, 17, 24, 20, 30, 16];

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const fullWeekdays = ['Mondays', 'Tuesdays', 'Wednesdays', 'Thursdays', 'Fridays', 'Saturdays', 'Sundays'];

const dayInWords = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: '2-digit',
  month: 'short',
  timeZone: 'UTC',
});
const monthInWords = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone: 'UTC' });

/** The shade of a day: from none to full, by the share of the busiest day. */
const shade = (value: number, most: number) =>
  value === 0 ? 0 : Math.min(4, Math.ceil((value / Math.max(4, most)) * 4));

/** Days as a heat map, a column a week, with a summary in words. */
export function Heat({ days, firstDay, isCapped }: { days: readonly number[]; firstDay: number; isCapped: boolean }) {
  const most = Math.max(...days);
  const total = days.reduce((sum, value) => sum + value, 0);
  const at = (i: number) => (firstDay + i) * dayMs;
  return (
    <>
      <svg class="heat" viewBox="0 0 318 156" role="img" aria-label={summary(days, total)}>
        {monthsOf(days.length, at).map(({ name, week }) => (
          <text key={name} x={originX + week * stepX} y="9">
            {name}
          </text>
        ))}
        {[0, 2, 4].map((weekday) => (
          <text key={weekday} x="0" y={originY + weekday * stepY + 12}>
            {weekdays[weekday]}
          </text>
        ))}
        {days.map((value, i) => (
          <rect
            key={i}
            class={`h${shade(value, most)}`}
            x={originX + Math.floor(i / 7) * stepX}
            y={originY + (i % 7) * stepY}
            width={cell}
            height={cellHeight}
            rx="2"
          >
            <title>{`${dayInWords.format(at(i))}: ${value === 0 ? 'no task' : plural(value, 'task')}`}</title>
          </rect>
        ))}
      </svg>
      <p class="heat-key gap-sm">
        <span>fewer</span>
        <svg class="heat" viewBox="0 0 76 12" aria-hidden="true">
          {[0, 1, 2, 3, 4].map((n) => (
            <rect key={n} class={`h${n}`} x={n * 16} width="12" height="12" rx="2" />
          ))}
        </svg>
        <span>more</span>
        <span class="push">
          {plural(total, 'task')}
          {isCapped ? ' or more' : ''}
        </span>
      </p>
    </>
  );
}

/** The weeks in which a month begins, except one whose name would run into the next. */
function monthsOf(length: number, at: (i: number) => number): { name: string; week: number }[] {
  const found: { name: string; week: number }[] = [];
  for (let week = 0; week * 7 < length; week++) {
    const name = monthInWords.format(at(week * 7));
    if (name !== found.at(-1)?.name) found.push({ name, week });
  }
  return found.filter(({ week }, i) => (found[i + 1]?.week ?? week + 2) - week > 1);
}

function summary(days: readonly number[], total: number): string {
  if (total === 0) return 'Tasks finished per day in 12 weeks: none';
  const byWeekday = weekdays.map((_, weekday) =>
    days.reduce((sum, value, i) => (i % 7 === weekday ? sum + value : sum), 0),
  );
  const busiest = byWeekday.indexOf(Math.max(...byWeekday));
  const active = days.filter((value) => value > 0).length;
  return `Tasks finished per day in 12 weeks: ${plural(total, 'task')} on ${plural(active, 'day')}, most on ${fullWeekdays[busiest] ?? ''}`;
}
