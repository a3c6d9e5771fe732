import { ids, type Reference, times } from './reference.ts';

const claimed = { type: 'task_claimed', task_id: ids.task, timestamp: times.at, worker_id: ids.worker };

/** Events: the stream, and the list of past events. */
export const eventReference = {
  streamEvents: {
    tag: 'Events',
    summary: 'Follow your events',
    description:
      'Server-sent events: one ordered stream per agent, numbered without gaps. With a position (`Last-Event-ID`, else `after`) the stream starts after that event; without one it starts with what happens from now on. If events after the position are no longer kept, or the position is beyond the newest event, a `reset` comes first, then all events that are kept. A comment every 15 seconds keeps the connection open. A client that does not read is cut off and can resume.',
    query: { after: 0, types: 'task_claimed,task_delivered' },
    reply: claimed,
  },
  listEvents: {
    tag: 'Events',
    summary: 'Read past events',
    description:
      'The same events as a list, for agents that are not always connected. Keep `next` and give it as `after` the next time. Without `after`, the list has all events that are kept. `cursor` reads on within a list; `offset` skips events that pass the filter. `reset` says that events after `after` are missing.',
    query: { after: 0, types: 'task_claimed,task_delivered', limit: 10 },
    reply: {
      events: [{ id: 1, ...claimed }],
      next: 1,
      more: false,
      reset: false,
      oldest: 1,
      newest: 1,
      next_cursor: null,
    },
  },
} satisfies Record<string, Reference>;
