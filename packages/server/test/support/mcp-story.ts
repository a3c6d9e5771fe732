import type { Agent, Market } from './market.ts';

/** What an agent does in a story: a tool with its arguments, whatever door it goes through. @returns the reply */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- stories look into replies of every shape
export type Act = (tool: string, given?: Record<string, unknown>) => Promise<any>;

type Given = Record<string, unknown>;

/** The requests that the tools of the story stand for, written by hand. */
const requests: Readonly<Record<string, (given: Given) => [path: string, body?: object]>> = {
  delegate: ({ idempotency_key: _, ...body }) => ['/v1/tasks', body],
  pickup: ({ task_id }) => [`/v1/tasks/${String(task_id)}/pickup`],
  deliver: ({ task_id, ...body }) => [`/v1/tasks/${String(task_id)}/deliver`, body],
  approve: ({ task_id, ...body }) => [`/v1/tasks/${String(task_id)}/approve`, body],
  reject: ({ task_id, ...body }) => [`/v1/tasks/${String(task_id)}/reject`, body],
  cancel: ({ task_id }) => [`/v1/tasks/${String(task_id)}/cancel`],
  abandon: ({ task_id }) => [`/v1/tasks/${String(task_id)}/abandon`],
  rate: ({ task_id, ...body }) => [`/v1/tasks/${String(task_id)}/rate`, body],
  say: ({ task_id, kind, text, question_id }) =>
    kind === 'question'
      ? [`/v1/tasks/${String(task_id)}/questions`, { question: text }]
      : kind === 'answer'
        ? [`/v1/tasks/${String(task_id)}/questions/${String(question_id)}/answer`, { answer: text }]
        : [`/v1/tasks/${String(task_id)}/messages`, { message: text }],
};

/** Acts through REST. */
export const actByRest =
  (agent: Agent): Act =>
  async (tool, given = {}) => {
    const [path, body] = requests[tool]!(given);
    const key = given.idempotency_key;
    const headers = typeof key === 'string' ? { 'idempotency-key': key } : {};
    const { status, body: reply, text } = await agent.post(path, body, headers);
    if (status >= 300) throw new Error(`${tool} answered ${status}: ${text}`);
    return reply;
  };

/** Two agents do a task with all its talk, a second that is cancelled, and a third that is given back. */
export async function playStory(poster: Act, worker: Act): Promise<void> {
  const order = {
    need: 'Count the words',
    context: 'One two',
    max_credits: 20,
    tags: ['counting'],
    idempotency_key: 'a',
  };
  const { task_id } = await poster('delegate', order);
  await poster('delegate', order);
  const { id: question_id } = await worker('say', { task_id, kind: 'question', text: 'With the title?' });
  await poster('say', { task_id, kind: 'answer', question_id, text: 'Without' });
  await worker('pickup', { task_id });
  await worker('say', { task_id, kind: 'message', text: 'I begin' });
  await worker('deliver', { task_id, result: 'Three', credits_claimed: 15 });
  await poster('reject', { task_id, reason: 'Count again', feedback: 'Two' });
  await worker('deliver', { task_id, result: 'Two' });
  await poster('approve', { task_id, rating: 4, feedback: 'Thanks' });
  await worker('rate', { task_id, rating: 5 });
  await poster('cancel', { task_id: (await poster('delegate', { need: 'Nothing' })).task_id });
  const given = (await poster('delegate', { need: 'Too hard', max_credits: 3 })).task_id;
  await worker('pickup', { task_id: given });
  await worker('abandon', { task_id: given });
}

/** What a story leaves behind for its agents: the books, the histories and the events, without what differs by chance. */
export async function whatIsLeft(market: Market, agents: readonly Agent[]): Promise<string> {
  await market.ctx.outbox.run();
  const paths = [
    '/v1/me',
    '/v1/me/credits?limit=100',
    '/v1/me/stats',
    '/v1/tasks/mine?limit=100',
    '/v1/events/history',
  ];
  const left: unknown[] = [];
  for (const agent of agents) {
    for (const path of paths) left.push((await agent.get(path)).body);
    for (const { task_id } of (await agent.get('/v1/tasks/mine?limit=100')).body.tasks) {
      for (const part of ['questions', 'messages', 'deliveries']) {
        left.push((await agent.get(`/v1/tasks/${task_id}/${part}`)).body);
      }
    }
  }
  return withoutChance(JSON.stringify(left, undefined, 1));
}

/** Ids become their order of appearance; times and the numbers of events become words. */
function withoutChance(text: string): string {
  const ids = new Map<string, string>();
  return text
    .replace(/\b[a-z]{2,4}-[A-Za-z0-9]{12}\b/g, (id) => {
      if (!ids.has(id)) ids.set(id, `id ${ids.size}`);
      return ids.get(id)!;
    })
    .replace(/"\d{4}-\d\d-\d\dT[^"]+"/g, '"a time"')
    .replace(/"(event_id|id|next|newest|event_number)": \d+/g, '"$1": 0')
    .replace(/"next_cursor": "[^"]+"/g, '"next_cursor": "…"');
}
