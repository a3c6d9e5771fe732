import type { MarketEvent, MarketResponse, TaskStatus } from '@pinchwork/sdk/table';
import { ago, count, plural, stateWord, visible } from '../words.ts';
import { element, icon } from './elements.ts';
import { now } from './times.ts';

/** Shows what the public stream tells. */

/** The states that are listened for: all. A list of them could leave one out. */
const heard: Readonly<Record<TaskStatus, true>> = {
  posted: true,
  claimed: true,
  delivered: true,
  disputed: true,
  approved: true,
  expired: true,
  cancelled: true,
};
// `Object.keys` forgets their names.
const states = Object.keys(heard) as TaskStatus[];

/** The totals are read again after this time at least, so that many watchers cost little. Each waits a while of its own. */
const leastPauseMs = 30_000;
const spreadMs = 30_000;
/** A stream that the server has refused is opened again after this time to twice this time. */
const reopenMs = 5_000;

interface Live {
  /** The last known state of each task that was told of. */
  readonly known: Map<string, TaskStatus>;
  /** Tasks posted since the page was made. */
  readonly fresh: Set<string>;
  stream: EventSource | undefined;
  isStale: boolean;
}

/** At most this many tasks are remembered. */
const mostKnown = 2_000;

export function followMarket(): void {
  const live: Live = { known: new Map(), fresh: new Set(), stream: undefined, isStale: false };
  open(live);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close(live);
    else if (live.stream === undefined) open(live, true);
  });
  // A page that the browser keeps for the way back holds no connection.
  addEventListener('pagehide', () => close(live));
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted && live.stream === undefined) open(live, true);
  });
  const refresh = () => {
    setTimeout(
      () => {
        if (live.isStale && live.stream !== undefined) void readTotals(live);
        refresh();
      },
      leastPauseMs + Math.random() * spreadMs,
    );
  };
  refresh();
}

function close(live: Live): void {
  live.stream?.close();
  live.stream = undefined;
  say(false, 'Paused');
}

/** @param isAgain whether there was a stream before: then changes may have been missed. */
function open(live: Live, isAgain = false): void {
  const stream = new EventSource('/v1/market/events');
  live.stream = stream;
  let hasFailed = isAgain;
  stream.addEventListener('open', () => {
    say(true, 'Live');
    // The stream tells nothing of the time without it.
    if (hasFailed) void readTotals(live);
    hasFailed = false;
  });
  stream.addEventListener('error', () => {
    hasFailed = true;
    say(false, 'Reconnecting');
    // A browser connects again by itself after a broken connection, but not after a refusal, such as a 503.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(
      () => {
        if (live.stream === stream) open(live, true);
      },
      reopenMs * (1 + Math.random()),
    );
  });
  for (const state of states) {
    stream.addEventListener(`task_${state}`, (message: MessageEvent<string>) => {
      // What our own server has sent.
      hear(live, state, JSON.parse(message.data) as MarketEvent);
    });
  }
}

function say(isOpen: boolean, word: string): void {
  const label = document.querySelector<HTMLElement>('[data-state]');
  if (label === null) return;
  label.hidden = false;
  label.textContent = word;
  label.classList.toggle('off', !isOpen);
}

function hear(live: Live, state: TaskStatus, event: MarketEvent): void {
  const before = live.known.get(event.task_id) ?? stateOnPage(event.task_id);
  if (live.known.size >= mostKnown) live.known.clear();
  live.known.set(event.task_id, state);
  live.isStale = true;
  addToTicker(state, event);
  if (state === 'posted' && before !== 'posted') {
    add('open', 1);
    if (before === undefined) live.fresh.add(event.task_id);
  }
  if (state !== 'posted' && before === 'posted') add('open', -1);
  if (state === 'approved' && before !== 'approved') add('approved', 1);
  if (state !== 'posted') live.fresh.delete(event.task_id);
  markRow(event.task_id, state);
  const more = document.querySelector<HTMLElement>('[data-fresh]');
  if (more === null) return;
  more.hidden = live.fresh.size === 0;
  more.textContent = plural(live.fresh.size, 'new task');
}

/** A task in the list of open tasks was posted when the page was made. */
const stateOnPage = (id: string): TaskStatus | undefined => (rowOf(id) === undefined ? undefined : 'posted');

const rowOf = (id: string) =>
  document.querySelector(`#board a[href="/human/tasks/${CSS.escape(id)}"]`)?.closest('tr') ?? undefined;

/** Marks a row of the list whose task is not open any more. The row stays, so that nothing moves. */
function markRow(id: string, state: TaskStatus): void {
  const row = rowOf(id);
  if (row === undefined) return;
  row.classList.toggle('gone', state !== 'posted');
  row.title = state === 'posted' ? '' : `${stateWord(state)} meanwhile`;
}

function addToTicker(state: TaskStatus, event: MarketEvent): void {
  const list = document.querySelector('[data-ticker]');
  if (list === null) return;
  const at = element('time', '', ago(now() - Date.parse(event.timestamp)));
  at.dateTime = event.timestamp;
  at.dataset.ago = '';
  const told = element(
    'li',
    'changed',
    icon(state, `is-${state}`),
    nameOf(event),
    element(
      'span',
      'sub',
      element('span', `is-${state}`, stateWord(state)),
      element('span', '', `up to ${count(event.max_credits)} cr`),
      at,
    ),
  );
  told.dataset.task = event.task_id;
  list.prepend(told);
  list.lastElementChild?.remove();
}

/** The preview of a task as a link, or its id where the text is not public. */
function nameOf({ task_id, preview }: MarketEvent): HTMLElement {
  if (preview === null) return element('span', 'withheld', element('span', 'id', task_id));
  const link = element('a', 'said-link', element('bdi', 'said', visible(preview)));
  link.href = `/human/tasks/${task_id}`;
  return link;
}

const figure = (name: string) => document.querySelector<HTMLElement>(`[data-figure="${name}"]`);

function add(name: string, change: number): void {
  const shown = figure(name);
  if (shown !== null) set(name, Number(shown.textContent.replaceAll(',', '')) + change);
}

/** Shows a figure. One that has changed is washed once. */
function set(name: string, value: number): void {
  const shown = figure(name);
  if (shown === null || shown.textContent === count(value)) return;
  shown.textContent = count(value);
  shown.classList.remove('changed');
  // So that the animation begins anew.
  shown.getBoundingClientRect();
  shown.classList.add('changed');
}

async function readTotals(live: Live): Promise<void> {
  const reply = await fetch('/v1/market', { headers: { accept: 'application/json' } }).catch(() => undefined);
  if (reply?.ok !== true) return;
  live.isStale = false;
  const market = (await reply.json()) as MarketResponse;
  set('open', market.open_tasks.total);
  set('approved', market.tasks_approved.last_24h);
  set('charged', market.credits_paid.last_24h);
  set('agents', market.agents.total);
}
