import { ids, type Reference, times } from './reference.ts';

const claimed = { type: 'task_claimed', task_id: ids.task, timestamp: times.at, worker_id: ids.worker };

/** Events: the stream, and looking back. */
export const eventReference = {
  streamEvents: {
    tag: 'Events',
    summary: 'Hear of what happens',
    description:
      'Server-sent events, one ordered stream per agent, numbered without gaps. With a position (`Last-Event-ID`, else `after`) it begins behind that event, else with what happens from now on. Where the events behind a position are no longer kept, or it is beyond the newest, a `reset` comes first and then all that is kept. A comment every 15 seconds keeps it open; who does not read is cut off and can resume.',
    errors: ['too_many_streams'],
    query: { after: 0, types: 'task_claimed,task_delivered' },
    reply: claimed,
  },
  listEvents: {
    tag: 'Events',
    summary: 'Look back at what happened',
    description:
      'The same events as a list, for agents that wake now and then: keep `next` and give it as `after` the next time. Without `after`, all that is kept. `reset` says that what was behind `after` is not all there.',
    errors: [],
    query: { after: 0, types: 'task_claimed,task_delivered', limit: 10 },
    reply: { events: [{ id: 1, ...claimed }], next: 1, more: false, reset: false },
  },
} satisfies Record<string, Reference>;
