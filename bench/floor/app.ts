import { hash, randomBytes } from 'node:crypto';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';

/**
 * The floor: the four verbs of a lifecycle, written by hand for speed on a given engine, behind Fastify with default
 * settings.
 *
 * It has the essential parts of the product: keys as SHA-256 with a cache of half a second, guarded updates, one
 * transaction per request, history, double entry with an escrow account per task, counts, reviews, a durable commit
 * before each reply, and the same JSON. It omits the rest: validation, Markdown, matching and its tag index, events,
 * idempotency keys, wake-ups, refusals with reasons, and headers that repeat the reply.
 */
export interface FloorStore {
  register(agentId: string, name: string, keyHash: string): Promise<void>;
  /** The agent whose key has this hash. */
  ownerOf(keyHash: string): Promise<string | undefined>;
  create(agentId: string, input: CreateInput): Promise<TaskRow>;
  /** The following verbs return undefined when the state or the caller is wrong. */
  pickup(agentId: string, taskId: string): Promise<ClaimedRow | undefined>;
  deliver(agentId: string, taskId: string, input: DeliverInput): Promise<TaskRow | undefined>;
  approve(agentId: string, taskId: string, input: ApproveInput): Promise<TaskRow | undefined>;
  close(): Promise<void>;
}

export interface CreateInput {
  readonly need: string;
  readonly context?: string;
  readonly max_credits?: number;
  readonly tags?: readonly string[];
}

export interface DeliverInput {
  readonly result: string;
  readonly credits_claimed?: number;
}

export interface ApproveInput {
  readonly rating?: number;
  readonly feedback?: string;
}

export interface TaskRow {
  readonly id: string;
  readonly poster_id: string;
  readonly need: string;
  readonly context: string | null;
  readonly tags: string;
  readonly max_credits: number;
  readonly fee_ppm: number;
  readonly status: string;
  readonly version: number;
  readonly created_at: number;
  readonly deadline_at: number | null;
  readonly review_timeout_minutes: number | null;
  readonly claim_timeout_minutes: number | null;
  readonly claim_number: number;
  readonly worker_id: string | null;
  readonly claim_deadline_at: number | null;
  readonly result: string | null;
  readonly credits_charged: number | null;
}

export interface ClaimedRow extends TaskRow {
  /** Of the task's poster. */
  readonly rating_sum: number;
  readonly rating_count: number;
}

const cacheMs = 500;
const conflict = { error: 'The state of the task does not allow it' };

declare module 'fastify' {
  interface FastifyRequest {
    agentId: string;
  }
}

/** Serves a store on a free loopback port until SIGTERM, and prints its URL in the same format as the server. */
export async function serveFloor(store: FloorStore): Promise<void> {
  const app = fastify();
  const known = new Map<string, { agentId: string; until: number }>();
  app.decorateRequest('agentId', '');

  const authenticate = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const header = request.headers.authorization ?? '';
    const keyHash = hash('sha256', header.slice('Bearer '.length));
    const cached = known.get(keyHash);
    const now = Date.now();
    if (cached !== undefined && cached.until > now) {
      request.agentId = cached.agentId;
      done();
      return;
    }
    store.ownerOf(keyHash).then(
      (agentId) => {
        if (agentId === undefined) {
          reply.code(401).send({ error: 'Missing or unknown API key' });
          return;
        }
        known.set(keyHash, { agentId, until: now + cacheMs });
        request.agentId = agentId;
        done();
      },
      (error: unknown) => void reply.code(500).send({ error: String(error) }),
    );
  };
  const onRequest = authenticate;
  interface Id {
    id: string;
  }

  app.post<{ Body: { name: string } }>('/v1/register', async (request, reply) => {
    const agentId = newId('ag-');
    const key = `pwk-${randomBytes(32).toString('base64url')}`;
    await store.register(agentId, request.body.name, hash('sha256', key));
    return reply.code(201).send({ agent_id: agentId, api_key: key });
  });
  app.post<{ Body: CreateInput }>('/v1/tasks', { onRequest }, async (request, reply) => {
    const task = await store.create(request.agentId, request.body);
    const { id, status, need, deadline_at } = task;
    return reply.code(201).send({ task_id: id, status, need, deadline: wireTime(deadline_at) });
  });
  app.post<{ Params: Id }>('/v1/tasks/:id/pickup', { onRequest }, async (request, reply) => {
    const task = await store.pickup(request.agentId, request.params.id);
    return task === undefined ? reply.code(409).send(conflict) : pickupView(task);
  });
  app.post<{ Params: Id; Body: DeliverInput }>('/v1/tasks/:id/deliver', { onRequest }, async (request, reply) => {
    const task = await store.deliver(request.agentId, request.params.id, request.body);
    return task === undefined ? reply.code(409).send(conflict) : taskView(task);
  });
  app.post<{ Params: Id; Body: ApproveInput }>('/v1/tasks/:id/approve', { onRequest }, async (request, reply) => {
    const task = await store.approve(request.agentId, request.params.id, request.body);
    return task === undefined ? reply.code(409).send(conflict) : taskView(task);
  });

  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  process.once('SIGTERM', () => void app.close().then(() => store.close()));
  console.log(`The floor listens on ${url}`);
}

let counter = 0;
/** Keeps the ids of several processes on one database distinct. */
const node = process.env.FLOOR_NODE ?? '0';

/** Sorts by time, like the server's ids, so that new rows are adjacent in the indexes. */
export function newId(prefix: 'ag-' | 'tk-' | 'le-'): string {
  counter = (counter + 1) % 36 ** 3;
  return prefix + Date.now().toString(36).padStart(8, '0') + counter.toString(36).padStart(3, '0') + node;
}

function wireTime(at: number | null): string | null {
  return at === null ? null : `${new Date(at).toISOString().slice(0, 19)}+00:00`;
}

const pickupView = (task: ClaimedRow) => ({
  task_id: task.id,
  need: task.need,
  context: task.context,
  max_credits: task.max_credits,
  poster_id: task.poster_id,
  tags: JSON.parse(task.tags) as string[],
  created_at: wireTime(task.created_at),
  poster_reputation: task.rating_count === 0 ? 0 : Math.round((task.rating_sum * 100) / task.rating_count) / 100,
  deadline: wireTime(task.deadline_at),
  claim_deadline: wireTime(task.claim_deadline_at),
  claim_timeout_minutes: task.claim_timeout_minutes,
  claim_number: task.claim_number,
});

const taskView = (task: TaskRow) => ({
  task_id: task.id,
  status: task.status,
  need: task.need,
  context: task.context,
  result: task.result,
  max_credits: task.max_credits,
  credits_charged: task.credits_charged,
  poster_id: task.poster_id,
  worker_id: task.worker_id,
  tags: JSON.parse(task.tags) as string[],
  created_at: wireTime(task.created_at),
  deadline: wireTime(task.deadline_at),
  claim_deadline: wireTime(task.claim_deadline_at),
  review_timeout_minutes: task.review_timeout_minutes,
  claim_timeout_minutes: task.claim_timeout_minutes,
  claim_number: task.claim_number,
});
