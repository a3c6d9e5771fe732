import { expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { describeOnPostgres, postgres } from '../support/engines.ts';
import { type Agent, claimTask, postTask } from '../support/market.ts';
import { type Env, startServer } from '../support/process.ts';
import { Receiver } from '../support/receiver.ts';
import { StreamReader } from '../support/streams.ts';
import { until } from '../support/until.ts';

/** Two servers, started at the very same moment on one empty database. */
async function twoNodes(env: Env = {}): Promise<[Client, Client]> {
  const database = await postgres.freshUrl();
  const [one, other] = await Promise.all([startServer(database, env), startServer(database, env)]);
  return [new Client(one.url), new Client(other.url)];
}

/**
 * The longest time that another node may go by what it knew: a second, and much more on a machine that is slow. Without
 * the signal and the bound it would never notice.
 */
const staleMs = 20_000;

/**
 * Repeats a request until its status is `right`, and until then one of `before`. Counts when it was sent, so that a slow
 * reply does not fail the test.
 */
async function untilStatus(ask: () => Promise<number>, before: readonly number[], right: number): Promise<void> {
  const since = performance.now();
  for (let sentMs = 0, status = before[0]; status !== right; sentMs = performance.now() - since) {
    expect(sentMs).toBeLessThan(staleMs);
    status = await ask();
    expect([...before, right]).toContain(status);
  }
}

const statusAt = async (node: Client, agent: Agent) => (await node.as(agent).get('/v1/me')).status;

describeOnPostgres('two nodes on one PostgreSQL database', () => {
  it('both start on an empty one, and serve the same agents and tasks', async () => {
    const [one, other] = await twoNodes();
    const poster = await one.register('poster');
    const worker = await other.register('worker');
    const task = await claimTask(other.as(poster), one.as(worker));
    expect((await one.as(poster).get(`/v1/tasks/${task}`)).body.worker_id).toBe(worker.id);
    expect((await other.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it("each count both in the operator's overview, and one that is killed no more", async () => {
    const database = await postgres.freshUrl();
    const servers = await Promise.all([startServer(database), startServer(database)]);
    const [one, other] = [new Client(servers[0].url), new Client(servers[1].url)];
    const nodesAt = async (node: Client) => (await node.admin.get('/v1/admin/overview')).body.nodes as number;
    // Each announces itself shortly after it has begun to listen.
    for (const node of [one, other]) await until(async () => (await nodesAt(node)) === 2);
    await servers[1].server.kill();
    await until(async () => (await nodesAt(one)) === 1);
  });

  it('a suspension and its end take effect on the other node', async () => {
    const [one, other] = await twoNodes();
    const agent = await one.register();

    for (const [suspended, wrong, right] of [
      [true, 200, 403],
      [false, 403, 200],
    ] as const) {
      expect(await statusAt(other, agent)).toBe(wrong);
      await one.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended });
      await untilStatus(() => statusAt(other, agent), [wrong], right);
      expect(await statusAt(one, agent)).toBe(right);
    }
  });

  it('a suspension ends the streams and long polls on the other one, too', async () => {
    const [one, other] = await twoNodes();
    const agent = await one.register();
    const task = await postTask(agent);
    const stream = await StreamReader.open(other.url, agent);
    const waiting = other.as(agent).get(`/v1/tasks/${task}?wait=60`);
    await one.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended: true });
    const [{ status }] = await Promise.all([waiting, stream.untilEnd()]);
    expect(status).toBe(403);
  });

  it('a revoked key stops at the other one: its requests, streams and waits, and no others', async () => {
    const [one, other] = await twoNodes();
    const agent = await one.register();
    const { body } = await one.as(agent).post('/v1/me/keys', { name: 'spare' });
    const spare = other.as({ id: agent.id, key: body.api_key });
    const task = await postTask(agent);
    const stream = await StreamReader.open(other.url, spare);
    const kept = await StreamReader.open(other.url, agent);
    const waiting = other.as(spare).get(`/v1/tasks/${task}?wait=60`);
    const keptWaiting = other.as(agent).get(`/v1/tasks/${task}?wait=60`);
    expect(await statusAt(other, spare)).toBe(200);
    expect((await one.as(agent).delete(`/v1/me/keys/${body.key_id}`)).status).toBe(200);
    await untilStatus(() => statusAt(other, spare), [200], 401);
    const [{ status }] = await Promise.all([waiting, stream.untilEnd()]);
    expect(status).toBe(401);
    await agent.post(`/v1/tasks/${task}/cancel`);
    expect((await keptWaiting).body.status).toBe('cancelled');
    expect(await statusAt(other, agent)).toBe(200);
    expect(kept.ended).toBe(false);
  });

  it('an agent that deletes itself is gone at the other one, with its streams', async () => {
    const [one, other] = await twoNodes();
    const agent = await one.register();
    const stream = await StreamReader.open(other.url, agent);
    expect(await statusAt(other, agent)).toBe(200);
    expect((await one.as(agent).delete(`/v1/me?confirm=${agent.id}`)).status).toBe(200);
    // 404: the other node still knows the key, and finds that its agent is gone.
    await untilStatus(() => statusAt(other, agent), [200, 404], 401);
    await stream.untilEnd();
    expect((await other.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('a long poll at one node ends when the task changes at the other', async () => {
    const [one, other] = await twoNodes();
    const poster = await other.register('poster');
    const worker = await one.register('worker');

    const waiting = poster.post('/v1/tasks', { need: 'Count the words', wait: 60 });
    const task = await nextTask(worker);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });

    expect(await waiting).toMatchObject({ status: 200, body: { task_id: task, status: 'delivered', result: 'Seven' } });
  });

  it('a request repeated at the other node gets the same reply, and a waiting one keeps waiting', async () => {
    const [one, other] = await twoNodes();
    const name = { name: 'poster' };
    const key = { 'idempotency-key': 'one registration' };
    const [first, second] = await Promise.all([one, other].map((node) => node.send('POST', '/v1/register', name, key)));
    expect([first!.status, second!.status]).toEqual([201, 201]);
    expect(second!.body).toEqual(first!.body);
    const poster = { id: first!.body.agent_id, key: first!.body.api_key };

    const order = { need: 'Count the words', wait: 60 };
    const waiting = [one, other].map((node) =>
      node.as(poster).post('/v1/tasks', order, { 'idempotency-key': 'one order' }),
    );
    const worker = await one.register('worker');
    const task = await nextTask(worker);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    for (const { status, body } of await Promise.all(waiting)) {
      expect({ status, body }).toMatchObject({ status: 200, body: { task_id: task, status: 'delivered' } });
    }
    expect((await other.as(poster).get('/v1/me')).body).toMatchObject({ tasks_posted: 1, credits: 50 });
    const otherOrder = { 'idempotency-key': 'one order' };
    expect((await other.as(poster).post('/v1/tasks', { need: 'Another' }, otherOrder)).status).toBe(422);
  });

  it('a webhook set at one node gets the events of both, each once', async () => {
    const [one, other] = await twoNodes({ PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    const receiver = await Receiver.open();
    const poster = await one.register('poster');
    const worker = await other.register('worker');
    await one.as(poster).patch('/v1/me', { webhook_url: receiver.url });
    for (let i = 0; i < 10; i++) {
      await claimTask([one, other][i % 2]!.as(poster), [one, other][(i >> 1) % 2]!.as(worker), { max_credits: 1 });
    }
    const sent = async (node: Client) =>
      (await node.as(poster).get('/v1/me/webhook/deliveries?status=delivered')).body.total as number;
    await until(async () => (await sent(other)) === 10);
    const numbers = receiver.received.map(({ headers }) => Number(headers['x-pinchwork-event-number']));
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

/** Asks for work until there is some. */
async function nextTask(worker: Agent): Promise<string> {
  for (;;) {
    const { status, body } = await worker.post('/v1/tasks/pickup');
    if (status === 200) return body.task_id;
  }
}
