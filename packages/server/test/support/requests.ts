import { disputeTask, rejectTask } from './disputes.ts';
import { type Endpoint, endpoints } from '@pinchwork/sdk/table';
import { expect } from 'vitest';
import {
  type Agent,
  claimTask,
  deadWebhook,
  deliverTask,
  makeDelivery,
  type Market,
  postTask,
  type Reply,
} from './market.ts';

/** The agents that the examples below need. All have credits to spare. */
export interface Cast {
  readonly market: Market;
  readonly poster: Agent;
  readonly worker: Agent;
  readonly bystander: Agent;
}

export async function assemble(market: Market): Promise<Cast> {
  const [poster, worker, bystander] = [
    await market.register('poster'),
    await market.register('worker'),
    await market.register('bystander'),
  ];
  await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000_000_000 });
  return { market, poster, worker, bystander };
}

/** The target and the sender of a request: everything but its body. */
export interface Target {
  readonly method: Endpoint['method'];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const target = (endpoint: Endpoint, agent?: Agent, id = '', questionId = ''): Target => ({
  method: endpoint.method,
  url: endpoint.path.replace(':id', id).replace(':question_id', questionId),
  headers: agent === undefined ? {} : { authorization: `Bearer ${agent.key}` },
});

export interface Example {
  /** Makes what the request acts on. */
  readonly aim: (cast: Cast) => Promise<Target>;
  /** A valid body with every field. */
  readonly body: (cast: Cast) => Readonly<Record<string, unknown>>;
}

/** A request that succeeds, for each endpoint that takes a body. */
export const examples = {
  register: {
    aim: async () => target(endpoints.register),
    body: () => ({
      name: 'Ada',
      good_at: 'sums',
      accepts_system_tasks: false,
      webhook_url: 'https://hooks.invalid/ada',
      webhook_secret: 'whsec_c2VjcmV0LW9mLXRoZS13ZWJob29r',
    }),
  },
  createTask: {
    aim: async ({ poster }) => target(endpoints.createTask, poster),
    body: () => ({
      need: 'Add 2 and 2',
      context: 'In base ten',
      max_credits: 10,
      tags: ['sums', 'Easy'],
      deadline_minutes: 60,
      review_timeout_minutes: 30,
      claim_timeout_minutes: 20,
    }),
  },
  pickupNext: {
    aim: async ({ poster, worker }) => {
      await postTask(poster, { tags: ['next'] });
      const { url, ...rest } = target(endpoints.pickupNext, worker);
      return { ...rest, url: `${url}?tags=next` };
    },
    body: () => ({}),
  },
  pickupBatch: {
    aim: async ({ poster, worker }) => {
      await postTask(poster, { tags: ['batch'] });
      return target(endpoints.pickupBatch, worker);
    },
    body: () => ({ count: 1, tags: ['batch'], search: '' }),
  },
  pickup: {
    aim: async ({ poster, worker }) => target(endpoints.pickup, worker, await postTask(poster)),
    body: () => ({}),
  },
  deliver: {
    aim: async ({ poster, worker }) => target(endpoints.deliver, worker, await claimTask(poster, worker)),
    body: () => ({ result: 'Four', credits_claimed: 40, claim_number: 1 }),
  },
  approve: {
    aim: async ({ poster, worker }) => target(endpoints.approve, poster, await deliverTask(poster, worker)),
    body: () => ({ rating: 5, feedback: 'Right' }),
  },
  reject: {
    aim: async ({ poster, worker }) => target(endpoints.reject, poster, await deliverTask(poster, worker)),
    body: () => ({ reason: 'Wrong', feedback: 'Try again' }),
  },
  cancel: {
    aim: async ({ poster }) => target(endpoints.cancel, poster, await postTask(poster)),
    body: () => ({}),
  },
  heartbeat: {
    aim: async ({ poster, worker }) => target(endpoints.heartbeat, worker, await claimTask(poster, worker)),
    body: () => ({ progress: 40, note: 'Half', claim_number: 1 }),
  },
  abandon: {
    aim: async ({ poster, worker }) => target(endpoints.abandon, worker, await claimTask(poster, worker)),
    body: () => ({ claim_number: 1 }),
  },
  decline: {
    aim: async ({ poster, worker }) =>
      target(endpoints.decline, worker, await postTask(poster, { for_agents: [worker.id] })),
    body: () => ({ reason: 'I am busy' }),
  },
  // Each has a worker of its own: it may have three disputes open.
  dispute: {
    aim: async ({ market, poster }) => {
      const worker = await market.register('disputant');
      return target(endpoints.dispute, worker, await rejectTask(poster, worker, { max_credits: 5 }));
    },
    body: () => ({ reason: 'It is right' }),
  },
  ruleDispute: {
    aim: async ({ market, poster }) => {
      const worker = await market.register('disputant');
      const { dispute } = await disputeTask(market, { poster, worker }, { max_credits: 5 });
      return target(endpoints.ruleDispute, market.admin, dispute);
    },
    body: () => ({ worker_share: 80, note: 'It is right' }),
  },
  rate: {
    aim: async ({ poster, worker }) => {
      const id = await deliverTask(poster, worker);
      await poster.post(`/v1/tasks/${id}/approve`);
      return target(endpoints.rate, worker, id);
    },
    body: () => ({ rating: 4, feedback: 'Clear' }),
  },
  report: {
    aim: async ({ poster, worker }) => target(endpoints.report, worker, await postTask(poster)),
    body: () => ({ reason: 'Spam' }),
  },
  askQuestion: {
    aim: async ({ poster, worker }) => target(endpoints.askQuestion, worker, await postTask(poster)),
    body: () => ({ question: 'In base ten?' }),
  },
  answerQuestion: {
    aim: async ({ poster, worker }) => {
      const id = await postTask(poster);
      const { body } = await worker.post(`/v1/tasks/${id}/questions`, { question: 'In base ten?' });
      return target(endpoints.answerQuestion, poster, id, body.id);
    },
    body: () => ({ answer: 'Yes' }),
  },
  sendMessage: {
    aim: async ({ poster, worker }) => target(endpoints.sendMessage, worker, await claimTask(poster, worker)),
    body: () => ({ message: 'Half done' }),
  },
  updateMe: {
    aim: async ({ bystander }) => target(endpoints.updateMe, bystander),
    body: () => ({
      name: 'Bystander',
      good_at: 'waiting',
      accepts_system_tasks: true,
      webhook_url: 'https://hooks.invalid/me',
      webhook_secret: 'secret',
    }),
  },
  createKey: {
    aim: async ({ bystander }) => target(endpoints.createKey, bystander),
    body: () => ({
      name: 'poster',
      scopes: ['read', 'post'],
      max_credits_per_task: 20,
      max_credits_per_day: 200,
      expires_in_days: 1,
    }),
  },
  rotateKey: {
    aim: async ({ market }) => target(endpoints.rotateKey, await market.register('rotator')),
    body: () => ({ overlap_minutes: 10 }),
  },
  changeAgent: {
    aim: async ({ market }) => target(endpoints.changeAgent, market.admin, (await market.register('keyless')).id),
    body: () => ({ reissue_key: true, judges_disputes: false }),
  },
  createInvite: {
    aim: async ({ market }) => target(endpoints.createInvite, market.admin),
    body: () => ({ credits: 250, uses: 3, expires_in_hours: 24 }),
  },
  redeliver: {
    aim: async ({ market, worker }) => {
      const owner = await market.register('owner of a webhook', { webhook_url: deadWebhook });
      return target(endpoints.redeliver, owner, await makeDelivery(owner, worker));
    },
    body: () => ({}),
  },
  testWebhook: {
    aim: async ({ market }) =>
      target(endpoints.testWebhook, await market.register('owner of a webhook', { webhook_url: deadWebhook })),
    body: () => ({}),
  },
  grantCredits: {
    aim: async ({ market }) => target(endpoints.grantCredits, market.admin),
    body: ({ bystander }) => ({ agent_id: bystander.id, amount: 5, reason: 'a gift' }),
  },
  suspendAgent: {
    aim: async ({ market }) => target(endpoints.suspendAgent, market.admin),
    body: ({ bystander }) => ({ agent_id: bystander.id, suspended: false, reason: 'a slip' }),
  },
  debitCredits: {
    aim: async ({ market }) => target(endpoints.debitCredits, market.admin),
    body: ({ bystander }) => ({ agent_id: bystander.id, amount: 1, reason: 'a fraud' }),
  },
  cancelTaskAsAdmin: {
    aim: async ({ market, poster, worker }) =>
      target(endpoints.cancelTaskAsAdmin, market.admin, await claimTask(poster, worker)),
    body: () => ({ reason: 'Stolen data' }),
  },
  redactTask: {
    aim: async ({ market, poster, worker }) =>
      target(endpoints.redactTask, market.admin, await claimTask(poster, worker)),
    body: () => ({ reason: 'Private data' }),
  },
  decideReport: {
    aim: async ({ market, poster, worker }) => {
      const { body } = await worker.post(`/v1/tasks/${await postTask(poster)}/report`, { reason: 'Spam' });
      return target(endpoints.decideReport, market.admin, body.report_id);
    },
    body: () => ({ status: 'resolved', note: 'Warned' }),
  },
} satisfies Record<string, Example>;

export type ExampleName = keyof typeof examples;
export const exampleNames = Object.keys(examples) as ExampleName[];

/** Sends a body, as it is, with or without a `Content-Type`. */
export function send(
  market: Market,
  { method, url, headers }: Target,
  payload: string | Buffer,
  contentType?: string,
): Promise<Reply> {
  const type = contentType === undefined ? {} : { 'content-type': contentType };
  return market.request({ method, url, payload, headers: { ...headers, ...type } });
}

export const sendJson = (market: Market, to: Target, body: unknown, more: Readonly<Record<string, string>> = {}) =>
  send(market, { ...to, headers: { ...to.headers, ...more } }, JSON.stringify(body), 'application/json');

/** Creates a task with a body as it is. */
export async function createTask(cast: Cast, payload: string, contentType?: string): Promise<Reply> {
  return send(cast.market, await examples.createTask.aim(cast), payload, contentType);
}

/** Checks that a body creates a task with these fields. */
export async function expectCreated(cast: Cast, fields: object, payload: string, contentType?: string): Promise<void> {
  const { status, body, text } = await createTask(cast, payload, contentType);
  expect(status, text).toBe(201);
  expect((await cast.poster.get(`/v1/tasks/${body.task_id}`)).body).toMatchObject(fields);
}
