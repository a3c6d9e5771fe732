import { setTimeout as until } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Client, statusAfter } from '../support/client.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask, deliverTask, postTask, type Reply } from '../support/market.ts';
import { type Env, startServer } from '../support/process.ts';

/**
 * Real races: rivals send requests at the same time, over separate connections, to running servers. On PostgreSQL two
 * servers share one database, and the rivals use different servers.
 */
const races = 50;
const initialCredits = 10_000;
const price = 10;
/** A worker's pay: the price minus the fee of ten per cent. */
const pay = 9;

const each = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

/** Two entrances to one market: two nodes if the engine supports them, otherwise one node twice. */
interface Doors {
  /** The database behind both. */
  readonly database: string;
  readonly left: Client;
  readonly right: Client;
  /** Stops the servers and expects that no deadlock occurred. */
  readonly close: () => Promise<void>;
}

/** One agent with a client for each entrance. */
interface Rival {
  readonly left: Agent;
  readonly right: Agent;
}

async function open(engine: Engine, env: Env = {}): Promise<Doors> {
  const database = await engine.marketUrl();
  const settings = {
    PINCHWORK_INITIAL_CREDITS: String(initialCredits),
    PINCHWORK_MAX_STREAMS_PER_AGENT: String(races),
    ...env,
  };
  const nodes = engine.name === 'PostgreSQL' ? 2 : 1;
  const servers = await each(nodes, () => startServer(database, settings));
  const left = new Client(servers[0]!.url);
  const close = async () => {
    await Promise.all(servers.map(({ server }) => server.kill()));
  };
  return { database, left, close, right: servers[1] === undefined ? left : new Client(servers[1].url) };
}

async function register({ left, right }: Doors, name: string): Promise<Rival> {
  const agent = await left.register(name);
  return { left: agent, right: right.as(agent) };
}

/** Sends the requests to the servers in turn. */
const inTurn = <T>(index: number, { left, right }: { left: T; right: T }): T => (index % 2 === 0 ? left : right);

/** Sends two requests at once; every other time the second one first. */
function clash(index: number, one: () => Promise<Reply>, other: () => Promise<Reply>): Promise<[Reply, Reply]> {
  const early = index % 2 === 0 ? undefined : other();
  return Promise.all([one(), early ?? other()]);
}

async function expectCredits({ left }: Rival, balance: number, escrowed = 0): Promise<void> {
  expect((await left.get('/v1/me/credits')).body).toMatchObject({ balance, escrowed });
}

/** Expects a clean audit, then stops the servers. */
async function expectCleanAudit({ left, close }: Doors): Promise<void> {
  const { status, body } = await left.admin.get('/v1/admin/audit');
  expect({ status, ok: body.ok, broken: body.broken }).toEqual({ status: 200, ok: true, broken: [] });
  await close();
}

const statuses = (replies: Reply[]) => replies.map(({ status }) => status).sort();
const won = (replies: Reply[][]) => replies.filter(([first]) => first!.status === 200).length;

/** Waits until a moment around a task's deadline: from well before to slightly after it, usually close to it. */
const around = (dueAt: number, index: number) => until(dueAt - Date.now() - 200 * (1 - (1.5 * index) / races) ** 3);

onBothEngines('a race for one task has one winner', (engine) => {
  it('cancel and cancel against expiry: one refund', async () => {
    const doors = await open(engine, { PINCHWORK_TASK_EXPIRE_HOURS: '0.0003' });
    const poster = await register(doors, 'poster');

    const ends = await each(races, async (i) => {
      const task = await postTask(inTurn(i, poster), { max_credits: price });
      const { body } = await poster.left.get(`/v1/tasks/${task}`);
      // The deadline is 1,080 ms later, rounded up: two seconds after `created_at` for most tasks.
      await around(Date.parse(body.created_at) + 2_000, i);
      const cancels = await Promise.all([
        poster.left.post(`/v1/tasks/${task}/cancel`),
        poster.right.post(`/v1/tasks/${task}/cancel`),
      ]);
      return { cancels: statuses(cancels), end: await statusAfter(poster.left, task, 'posted') };
    });

    for (const { cancels, end } of ends) {
      expect(['cancelled', 'expired']).toContain(end);
      expect(cancels).toEqual(end === 'cancelled' ? [200, 409] : [409, 409]);
    }
    await expectCredits(poster, initialCredits);
    await expectCleanAudit(doors);
  });

  it('deliver against the claim timeout: delivered, or back on the board', async () => {
    const doors = await open(engine, { PINCHWORK_DEFAULT_CLAIM_TIMEOUT_MINUTES: '0.01' });
    const poster = await register(doors, 'poster');
    const worker = await register(doors, 'worker');

    const ends = await each(races, async (i) => {
      const task = await claimTask(inTurn(i, poster), inTurn(i, worker), { max_credits: price });
      const { body } = await worker.left.get(`/v1/tasks/${task}`);
      const dueAt = Date.parse(body.claim_deadline);
      await around(dueAt, i);
      const late = Date.now() >= dueAt;
      const delivery = await inTurn(i >> 1, worker).post(`/v1/tasks/${task}/deliver`, { result: `result ${i}` });
      // The deadline takes effect exactly when it says.
      if (late) expect(delivery.status).toBe(409);
      else if (Date.now() < dueAt) expect(delivery.status).toBe(200);
      return { task, delivery: delivery.status, status: await statusAfter(poster.left, task, 'claimed') };
    });

    for (const { delivery, status } of ends) {
      expect(['delivered', 'posted']).toContain(status);
      expect(delivery).toBe(status === 'delivered' ? 200 : 409);
    }
    const delivered = ends.filter(({ delivery }) => delivery === 200);
    for (const { task } of delivered) await poster.left.post(`/v1/tasks/${task}/approve`);
    const escrowed = (races - delivered.length) * price;
    await expectCredits(poster, initialCredits - races * price, escrowed);
    await expectCredits(worker, initialCredits + delivered.length * pay);
    await expectCleanAudit(doors);
  });

  it('heartbeat against the end of the lease: the claim goes on, or the task is back on the board', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const worker = await register(doors, 'worker');
    const tasks = await each(races, (i) =>
      claimTask(inTurn(i, poster), inTurn(i, worker), { max_credits: price, heartbeat_minutes: 60 }),
    );
    // No lease is shorter than a minute.
    const dueAt = (Math.ceil(Date.now() / 1_000) + 3) * 1_000;
    await engine.vandalise(doors.database, `update tasks set heartbeat_deadline_at = ${dueAt}`);

    const ends = await each(races, async (i) => {
      await around(dueAt, i);
      const late = Date.now() >= dueAt;
      const { status } = await inTurn(i >> 1, worker).post(`/v1/tasks/${tasks[i]}/heartbeat`, { progress: 50 });
      if (late) expect(status).toBe(409);
      else if (Date.now() < dueAt) expect(status).toBe(200);
      if (status !== 200) expect(await statusAfter(poster.left, tasks[i]!, 'claimed')).toBe('posted');
      return { task: tasks[i]!, status };
    });

    const missed = (await worker.left.get('/v1/events/history?types=heartbeat_missed')).body.events as {
      task_id: string;
    }[];
    const lost = ends.filter(({ status }) => status !== 200);
    expect(missed.map(({ task_id }) => task_id).sort()).toEqual(lost.map(({ task }) => task).sort());
    for (const { task, status } of ends) {
      expect((await poster.left.get(`/v1/tasks/${task}`)).body.status).toBe(status === 200 ? 'claimed' : 'posted');
    }
    await expectCleanAudit(doors);
  });

  it('postings against pickups that wait on both servers: each task goes to one of them', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const workers = await each(races, (i) => register(doors, `worker ${i}`));
    const waits = workers.map((worker, i) => inTurn(i, worker).post('/v1/tasks/pickup?wait=60'));
    await until(500);
    const tasks = await each(races, (i) => postTask(inTurn(i >> 1, poster), { max_credits: price }));
    const got = await Promise.all(waits);
    expect(statuses(got)).toEqual(tasks.map(() => 200));
    expect(got.map(({ body }) => body.task_id as string).sort()).toEqual(tasks.sort());
    await expectCleanAudit(doors);
  });

  it('approve against reject: paid, or sent back', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const worker = await register(doors, 'worker');
    const tasks = await each(races, (i) => deliverTask(inTurn(i, poster), inTurn(i, worker), { max_credits: price }));

    const replies = await each(races, (i) =>
      clash(
        i,
        () => poster.left.post(`/v1/tasks/${tasks[i]}/approve`, { rating: 5 }),
        () => poster.right.post(`/v1/tasks/${tasks[i]}/reject`, { reason: 'Not what was asked for' }),
      ),
    );

    for (const [i, both] of replies.entries()) {
      expect(statuses(both)).toEqual([200, 409]);
      const { body } = await poster.left.get(`/v1/tasks/${tasks[i]}`);
      expect(body.status).toBe(both[0].status === 200 ? 'approved' : 'claimed');
    }
    const approved = won(replies);
    await expectCredits(poster, initialCredits - races * price, (races - approved) * price);
    await expectCredits(worker, initialCredits + approved * pay);
    expect((await worker.left.get('/v1/me')).body.tasks_completed).toBe(approved);
    await expectCleanAudit(doors);
  });

  it('abandon against deliver: on the board, or delivered', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const worker = await register(doors, 'worker');
    const tasks = await each(races, (i) => claimTask(inTurn(i, poster), inTurn(i, worker), { max_credits: price }));

    const replies = await each(races, (i) =>
      clash(
        i,
        () => worker.left.post(`/v1/tasks/${tasks[i]}/abandon`),
        () => worker.right.post(`/v1/tasks/${tasks[i]}/deliver`, { result: 'Seven' }),
      ),
    );

    for (const [i, [abandoned, delivered]] of replies.entries()) {
      // Deliver first checks the claim's owner (403); abandon first checks the task's status (409).
      expect([abandoned.status, delivered.status]).toEqual(abandoned.status === 200 ? [200, 403] : [409, 200]);
      const { body } = await poster.left.get(`/v1/tasks/${tasks[i]}`);
      expect(body.status).toBe(abandoned.status === 200 ? 'posted' : 'delivered');
    }
    const delivered = replies.filter(([, { status }]) => status === 200);
    for (const [, { body }] of delivered) await poster.left.post(`/v1/tasks/${body.task_id}/approve`);
    await expectCredits(poster, initialCredits - races * price, (races - delivered.length) * price);
    await expectCredits(worker, initialCredits + delivered.length * pay);
    await expectCleanAudit(doors);
  });

  it('fifty agents pick up one task: one gets it, 49 get 409', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const workers = await each(50, (i) => inTurn(i, doors).register(`worker ${i}`));
    const workerIds = new Set(workers.map(({ id }) => id));

    for (let round = 0; round < 10; round++) {
      const task = await postTask(inTurn(round, poster), { max_credits: price });
      const replies = await Promise.all(workers.map((worker) => worker.post(`/v1/tasks/${task}/pickup`)));
      expect(statuses(replies)).toEqual([200, ...Array<number>(49).fill(409)]);
      const { body } = await poster.left.get(`/v1/tasks/${task}`);
      expect(body).toMatchObject({ status: 'claimed', claim_number: 1 });
      expect(body.worker_id).toBe(workers[replies.findIndex(({ status }) => status === 200)]!.id);
      expect(workerIds).toContain(body.worker_id);
    }
    await expectCredits(poster, initialCredits - 10 * price, 10 * price);
    await expectCleanAudit(doors);
  });

  it('fifty agents ask for the next of fifty tasks: each gets a different one', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');
    const workers = await each(50, (i) => inTurn(i, doors).register(`worker ${i}`));
    const tasks = await each(50, (i) => postTask(inTurn(i, poster), { max_credits: price }));

    const replies = await Promise.all(workers.map((worker) => worker.post('/v1/tasks/pickup')));

    expect(replies.map(({ body }) => body.task_id).sort()).toEqual([...tasks].sort());
    await expectCredits(poster, initialCredits - 50 * price, 50 * price);
    await expectCleanAudit(doors);
  });

  it('two concurrent creates with one idempotency key: one task, returned to both', async () => {
    const doors = await open(engine);
    const poster = await register(doors, 'poster');

    const replies = await each(races, (i) => {
      const body = { need: `task ${i}`, max_credits: price };
      const headers = { 'idempotency-key': `create ${i}` };
      return clash(
        i,
        () => poster.left.post('/v1/tasks', body, headers),
        () => poster.right.post('/v1/tasks', body, headers),
      );
    });

    for (const both of replies) {
      expect(statuses(both)).toEqual([201, 201]);
      expect(both[1].body).toEqual(both[0].body);
      const replays = both.map(({ headers }) => headers['idempotency-replayed']);
      expect(replays.filter((replayed) => replayed === 'true')).toHaveLength(1);
    }
    expect(new Set(replies.map(([{ body }]) => body.task_id)).size).toBe(races);
    expect((await poster.left.get('/v1/me')).body.tasks_posted).toBe(races);
    await expectCredits(poster, initialCredits - races * price, races * price);
    await expectCleanAudit(doors);
  });
});
