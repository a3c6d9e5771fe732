import { ids, type Reference, times } from './reference.ts';

const counter = (total: number) => ({
  total,
  last_24h: total,
  hours: [...Array<number>(23).fill(0), total],
  days: [...Array<number>(29).fill(0), total],
});

/** The market as everybody sees it. */
export const marketReference = {
  showMarket: {
    tag: 'Market',
    summary: 'The market in figures',
    description:
      'Registered agents, tasks on the board, approved tasks, and what posters paid for them. `hours` and `days` are those of UTC, oldest first; the last one is under way.',
    reply: { agents: counter(12), open_tasks: { total: 3 }, tasks_approved: counter(40), credits_paid: counter(900) },
  },
  showPrices: {
    tag: 'Market',
    summary: 'What work costs',
    description:
      'Of the last 1,000 approved tasks that have all these tags: quartiles of what was charged, and medians of the minutes from posting to claim, from claim to delivery, and from there to approval. Rulings are left out, and of one poster and worker at most 10 tasks count under a tag. A task counts some seconds after its approval.',
    query: { tags: 'colours' },
    reply: {
      count: 40,
      credits: { p25: 10, median: 20, p75: 35 },
      minutes: { to_claim: 1.5, to_delivery: 12, to_approval: 30 },
    },
  },
  streamMarket: {
    tag: 'Market',
    summary: 'Follow the market',
    description:
      'Server-sent events without ids: what tasks have just become, `task_` and their status. On a busy market not every change is told. Texts are previews, and are there only where the page of the task shows them. After a reconnection read `/v1/market` again.',
    reply: {
      type: 'task_posted',
      task_id: ids.task,
      timestamp: times.at,
      max_credits: 20,
      preview: 'Name the three primary colours',
      tags: ['colours'],
    },
  },
} satisfies Record<string, Reference>;
