import { setTimeout as until } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { mostSystemTasks } from '../../../src/rules/agents/claims.ts';
import { Client } from '../../support/client.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { answers } from '../../support/helpers.ts';
import { type Agent, deliverTask, postTask, type Reply } from '../../support/market.ts';
import { type Env, startServer } from '../../support/process.ts';

/**
 * Races about system tasks: simultaneous requests over separate connections, on PostgreSQL to
 * three servers on one database. A deadlock there would be hidden by a retry, so deadlocks are counted.
 */
const races = 25;

interface Doors {
  readonly left: Client;
  readonly right: Client;
  readonly third: Client;
  readonly expectClean: () => Promise<void>;
}

/** One agent, at two servers. */
interface Rival {
  readonly left: Agent;
  readonly right: Agent;
}

const each = <T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

async function open(engine: Engine, env: Env = {}): Promise<Doors> {
  const database = await engine.marketUrl();
  const settings = {
    PINCHWORK_INITIAL_CREDITS: '10000',
    PINCHWORK_SYSTEM_TASKS_PER_POSTER_PER_DAY: '1000',
    PINCHWORK_SYSTEM_CREDITS_PER_HOUR: '100000',
    ...env,
  };
  const nodes = engine.name === 'PostgreSQL' ? 3 : 1;
  const servers = await each(nodes, () => startServer(database, settings));
  const left = new Client(servers[0]!.url);
  const [right, third] = [servers[1], servers[2]].map((server) =>
    server === undefined ? left : new Client(server.url),
  );
  const expectClean = async () => {
    const { body } = await left.admin.get('/v1/admin/audit');
    expect(body.broken).toEqual([]);
    await Promise.all(servers.map(({ server }) => server.kill()));
  };
  return { left, right: right ?? left, third: third ?? left, expectClean };
}

let registered = 0;

/** The second server of agents is each of the others in turn. */
async function register({ left, right, third }: Doors, name: string, fields: object = {}): Promise<Rival> {
  const { status, body, text } = await left.send('POST', '/v1/register', { name, ...fields });
  if (status !== 201) throw new Error(`Registration answered ${status}: ${text}`);
  const agent = left.as({ id: body.agent_id, key: body.api_key });
  return { left: agent, right: (registered++ % 2 === 0 ? right : third).as(agent) };
}

async function registerHelper(doors: Doors, name = 'helper'): Promise<Rival> {
  const helper = await register(doors, name, { accepts_system_tasks: true });
  await doors.left.admin.post(`/v1/admin/agents/${helper.left.id}`, { accepts_system_tasks: true });
  return helper;
}

const inTurn = <T>(i: number, { left, right }: { left: T; right: T }): T => (i % 2 === 0 ? left : right);

/** Sends two requests at once; every second time in reverse order. */
function clash(i: number, one: () => Promise<Reply>, other: () => Promise<Reply>): Promise<[Reply, Reply]> {
  const early = i % 2 === 0 ? undefined : other();
  return Promise.all([one(), early ?? other()]);
}

/** Claims the oldest system task. */
async function take(helper: Agent): Promise<string> {
  const { status, body, text } = await helper.post('/v1/tasks/pickup?tags=nothing-else');
  if (status !== 200) throw new Error(`Pickup answered ${status}: ${text}`);
  return body.task_id as string;
}

const balanceOf = async ({ left }: Rival) => (await left.get('/v1/me/credits')).body.balance as number;
const ok = (replies: readonly Reply[]) => replies.filter(({ status }) => status === 200).length;

onBothEngines('a race about system tasks has one outcome', (engine) => {
  it('one agent claims a task and its match task: it gets one of them, never both', async () => {
    const doors = await open(engine);
    const [helper, poster] = [await registerHelper(doors), await register(doors, 'poster')];
    const outcomes = { task: 0, matching: 0 };
    for (let i = 0; i < races; i++) {
      const task = await postTask(poster.left, { max_credits: 1 });
      const [work, matching] = await clash(
        i,
        () => helper.left.post(`/v1/tasks/${task}/pickup`),
        () => helper.right.post('/v1/tasks/pickup?tags=nothing-else'),
      );
      expect([200, 409]).toContain(work.status);
      // The claim of the task withdraws the match task, or fails because that was claimed.
      expect([200, 204, 409]).toContain(matching.status);
      expect(ok([work, matching])).toBe(1);
      if (work.status === 200) outcomes.task++;
      else {
        outcomes.matching++;
        const { task_id } = matching.body;
        await helper.left.post(`/v1/tasks/${task_id}/deliver`, { result: answers.match() });
        await poster.left.post(`/v1/tasks/${task}/cancel`);
      }
    }
    expect(outcomes.task + outcomes.matching).toBe(races);
    expect(await balanceOf(helper)).toBe(10_000 + 3 * outcomes.matching);
    await doors.expectClean();
  });

  it('two infra agents claim each system task: one gets it, and is paid once however often it answers', async () => {
    const doors = await open(engine);
    const helpers = [await registerHelper(doors), await registerHelper(doors, 'other')];
    const poster = await register(doors, 'poster');
    // As many as the two may hold.
    const tasks = 2 * mostSystemTasks;
    await each(tasks, (i) => postTask(inTurn(i, poster), { max_credits: 1 }));

    const claims = await each(tasks * 2, (i) =>
      inTurn(i >> 1, helpers[i % 2]!).post('/v1/tasks/pickup?tags=nothing-else'),
    );
    const taken = claims.flatMap(({ status, body }, i) =>
      status === 200 ? [{ helper: helpers[i % 2]!, task: body.task_id as string }] : [],
    );
    // A task that another claim has locked is not there for the moment.
    for (const helper of [...helpers, ...helpers]) {
      const { status, body } = await helper.left.post('/v1/tasks/pickup?tags=nothing-else');
      if (status === 200) taken.push({ helper, task: body.task_id as string });
    }
    expect(new Set(taken.map(({ task }) => task)).size).toBe(taken.length);
    expect(taken).toHaveLength(tasks);
    for (const [i, { helper, task }] of taken.entries()) {
      const deliver = (agent: Agent) => () => agent.post(`/v1/tasks/${task}/deliver`, { result: answers.match() });
      const [one, other] = await clash(i, deliver(helper.left), deliver(helper.right));
      expect([one.status, other.status].sort()).toEqual([200, 409]);
    }
    const earned = (await balanceOf(helpers[0]!)) + (await balanceOf(helpers[1]!)) - 20_000;
    expect(earned).toBe(tasks * 3);
    await doors.expectClean();
  });

  it('an answer at its deadline: paid or dropped', async () => {
    const doors = await open(engine, { PINCHWORK_MATCH_TIMEOUT_SECONDS: '1' });
    const [helper, poster] = [await registerHelper(doors), await register(doors, 'poster')];
    const ends = await each(races, async (i) => {
      await postTask(inTurn(i, poster), { max_credits: 1 });
      const { status, body } = await inTurn(i, helper).post('/v1/tasks/pickup?tags=nothing-else');
      if (status !== 200) return undefined;
      const dueAt = Date.parse(body.claim_deadline);
      await until(Math.max(0, dueAt - Date.now() - 60 * (1 - (1.4 * i) / races) ** 3));
      const late = Date.now() >= dueAt;
      const answered = await inTurn(i >> 1, helper).post(`/v1/tasks/${body.task_id}/deliver`, {
        result: answers.match(),
      });
      expect([200, 409]).toContain(answered.status);
      if (late) expect(answered.status).toBe(409);
      return answered.status;
    });
    const paid = ends.filter((status) => status === 200).length;
    expect(await balanceOf(helper)).toBe(10_000 + paid * 3);
    // The clock's pass does the rest within a second.
    while ((await helper.left.get('/v1/tasks/mine?role=worker&status=claimed')).body.total > 0) await until(50);
    await doors.expectClean();
  });

  it('an answer while its task moves: always paid, shown if it still applies', async () => {
    const doors = await open(engine);
    const [helper, poster, worker] = [
      await registerHelper(doors),
      await register(doors, 'poster'),
      await register(doors, 'worker'),
    ];
    const verbs = ['approve', 'reject', 'claim', 'cancel'] as const;
    for (let i = 0; i < races; i++) {
      const verb = verbs[i % verbs.length]!;
      const isCheck = verb === 'approve' || verb === 'reject';
      const make = isCheck ? deliverTask : (poster: Agent) => postTask(poster, { max_credits: 1 });
      const task = await make(poster.left, worker.left, { max_credits: 1 });
      const question = await take(helper.left);
      const result = isCheck ? answers.verify() : answers.match([worker.left]);
      const [answered, moved] = await clash(
        i >> 2,
        () => inTurn(i, helper).post(`/v1/tasks/${question}/deliver`, { result }),
        () =>
          verb === 'claim'
            ? inTurn(i >> 1, worker).post(`/v1/tasks/${task}/pickup`)
            : inTurn(i >> 1, poster).post(`/v1/tasks/${task}/${verb}`, { reason: 'No' }),
      );
      expect([answered.status, moved.status]).toEqual([200, 200]);
      const { body } = await poster.left.get(`/v1/tasks/${task}`);
      if (verb === 'reject') expect(body.verification).toBeUndefined();
      if (verb === 'claim') await worker.left.post(`/v1/tasks/${task}/abandon`);
      if (verb === 'reject') await worker.left.post(`/v1/tasks/${task}/abandon`);
      if (verb === 'claim' || verb === 'reject') await poster.left.post(`/v1/tasks/${task}/cancel`);
    }
    const checks = Array.from({ length: races }, (_, i) => i % 4 < 2).filter(Boolean).length;
    expect(await balanceOf(helper)).toBe(10_000 + checks * 5 + (races - checks) * 3);
    await doors.expectClean();
  });

  it('all requests at once: no deadlock, and the ledger is right', async () => {
    const doors = await open(engine);
    const helpers = await each(3, (i) => registerHelper(doors, `helper ${i}`));
    const agents = await each(6, (i) => register(doors, `agent ${i}`, { good_at: `Counting words ${i}` }));
    const rounds = 6;
    await Promise.all([
      ...agents.map(async (agent, i) => {
        for (let round = 0; round < rounds; round++) {
          const tasks = await each(3, (n) => postTask(inTurn(n, agent), { max_credits: 1, need: 'Count words' }));
          await inTurn(round, agent).patch('/v1/me', { good_at: `Counting ${round} words ${i}` });
          const { body } = await inTurn(i, agent).post('/v1/tasks/pickup/batch', { count: 4 });
          await each(body.tasks.length as number, (n) =>
            inTurn(n, agent).post(`/v1/tasks/${body.tasks[n].task_id}/deliver`, { result: 'Seven' }),
          );
          await inTurn(round, agent).post(`/v1/tasks/${tasks[0]}/cancel`);
          const { tasks: mine } = (await agent.left.get('/v1/tasks/mine?role=poster&status=delivered')).body;
          await each(mine.length as number, (n) =>
            inTurn(n, agent).post(`/v1/tasks/${mine[n].task_id}/${n % 2 === 0 ? 'approve' : 'reject'}`, {
              reason: 'No',
            }),
          );
        }
      }),
      ...helpers.map(async (helper, i) => {
        for (let round = 0; round < rounds * 4; round++) {
          const { body } = await inTurn(round + i, helper).post('/v1/tasks/pickup/batch', {
            count: 3,
            tags: ['nothing-else'],
          });
          await each(body.tasks.length as number, (n) => {
            const { task_id, need } = body.tasks[n] as { task_id: string; need: string };
            const result = need.startsWith('Match')
              ? answers.match(agents.map(({ left }) => left))
              : need.startsWith('Verify')
                ? answers.verify()
                : answers.extract(['words', 'counting']);
            return inTurn(n, helper).post(`/v1/tasks/${task_id}/deliver`, { result });
          });
        }
      }),
    ]);
    await doors.expectClean();
  });
});
