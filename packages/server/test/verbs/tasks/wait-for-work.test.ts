import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { approveWorkOf } from '../../support/board.ts';
import { itOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { disputeTask, registerJudges } from '../../support/disputes.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, Market, postTask, type Reply } from '../../support/market.ts';
import { listen } from '../../support/streams.ts';
import { until } from '../../support/until.ts';

interface Waiting {
  readonly reply: Promise<Reply>;
}

/** Begins a pickup that waits. Resolves when it has nothing to do but wait. */
async function wait(market: Market, agent: Agent, query = '', headers = {}): Promise<Waiting> {
  const before = market.ctx.dispatcher.idle;
  const reply = agent.post(`/v1/tasks/pickup?wait=300${query}`, undefined, headers);
  await until(() => market.ctx.dispatcher.idle > before);
  return { reply };
}

/** Posts a task. @returns the index of the wait that gets it. */
async function whoGets(poster: Agent, waits: readonly Waiting[], fields: object = {}): Promise<number> {
  const id = await postTask(poster, fields);
  return new Promise((resolve) => {
    waits.forEach(({ reply }, i) => void reply.then(({ body }) => body.task_id === id && resolve(i)));
  });
}

onBothEngines('a pickup that waits', (engine) => {
  const cast = async (env: Record<string, string> = {}) => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000', ...env });
    return { market, poster: await market.register('poster'), worker: await market.register('worker') };
  };
  /** Agents that registered one second after the other. */
  const crowd = async (market: Market, count: number): Promise<Agent[]> => {
    const agents: Agent[] = [];
    for (let i = 0; i < count; i++) {
      market.clock.advance(secondMs);
      agents.push(await market.register(`agent ${i}`));
    }
    return agents;
  };
  const end = async (market: Market, waits: readonly Waiting[]) => {
    market.ctx.watch.close();
    await Promise.all(waits.map(({ reply }) => reply));
    expect([market.ctx.dispatcher.count, market.ctx.shares.waits.used]).toEqual([0, 0]);
  };

  it('gets a task that is there at once, and one that is posted later as soon as it is', async () => {
    const { market, poster, worker } = await cast();
    const first = await postTask(poster);
    expect((await worker.post('/v1/tasks/pickup?wait=60')).body.task_id).toBe(first);
    const { reply } = await wait(market, worker);
    const second = await postTask(poster);
    expect(await reply).toMatchObject({ status: 200, body: { task_id: second, claim_number: 1 } });
    expect([market.ctx.dispatcher.count, market.ctx.shares.waits.used, market.clock.alarms]).toEqual([0, 0, 0]);
  });

  it('takes `wait` from the body too, cut to MAX_WAIT_SECONDS, and gets 204 when the time is up', async () => {
    const { market, worker } = await cast({ PINCHWORK_MAX_WAIT_SECONDS: '10' });
    const reply = worker.post('/v1/tasks/pickup', { wait: 60 });
    await until(() => market.ctx.dispatcher.idle === 1);
    market.clock.advance(10 * secondMs);
    expect((await reply).status).toBe(204);
    expect([market.ctx.dispatcher.count, market.ctx.shares.waits.used, market.clock.alarms]).toEqual([0, 0, 0]);
  });

  it('ends with 204 when the server stops, and without an answer when its client disconnects', async () => {
    const { market, worker } = await cast();
    const { url } = await listen(market);
    const client = request(new URL('/v1/tasks/pickup?wait=300', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${worker.key}` },
    });
    client.on('error', () => undefined).end();
    await until(() => market.ctx.dispatcher.idle === 1);
    client.destroy();
    await until(() => market.ctx.dispatcher.count === 0);
    const { reply } = await wait(market, worker);
    market.ctx.watch.close();
    expect((await reply).status).toBe(204);
  });

  it('is the only one of many that gets a task: of the agent whose last claim is oldest, then the longest', async () => {
    const { market, poster } = await cast();
    const [a, b, c] = (await crowd(market, 3)) as [Agent, Agent, Agent];
    market.clock.advance(secondMs);
    // The first has claimed since it registered, so it comes after the others.
    await postTask(poster);
    await a.post('/v1/tasks/pickup');
    const waits = [await wait(market, a), await wait(market, c), await wait(market, b), await wait(market, b)];
    expect(await whoGets(poster, waits)).toBe(2);
    market.clock.advance(secondMs);
    expect(await whoGets(poster, waits)).toBe(1);
    expect(await whoGets(poster, waits)).toBe(0);
    expect(await whoGets(poster, waits)).toBe(3);
  });

  it('counts once for its agent: ten waits of one get no more than one of another', async () => {
    const { market, poster } = await cast();
    const [greedy, modest] = (await crowd(market, 2)) as [Agent, Agent];
    const waits: Waiting[] = [];
    for (let i = 0; i < 9; i++) waits.push(await wait(market, greedy));
    const got: string[] = [];
    for (let i = 0; i < 4; i++) {
      waits.push(await wait(market, modest));
      market.clock.advance(secondMs);
      got.push((await whoGets(poster, waits)) < 9 ? 'greedy' : 'modest');
      market.clock.advance(secondMs);
      const index = await whoGets(poster, waits);
      got.push(index < 9 ? 'greedy' : 'modest');
    }
    expect(got).toEqual(['greedy', 'modest', 'greedy', 'modest', 'greedy', 'modest', 'greedy', 'modest']);
    await end(market, waits.slice(0, 5));
  });

  it('gets only what passes its filter', async () => {
    const { market, poster } = await cast();
    const [tagged, searching, both] = (await crowd(market, 3)) as [Agent, Agent, Agent];
    const waits = [
      await wait(market, tagged, '&tags=Red,small'),
      await wait(market, searching, '&search=STRASSE'),
      await wait(market, both, '&tags=red&search=lamp'),
    ];
    await postTask(poster, { tags: ['red'] });
    expect(await whoGets(poster, waits, { need: 'A lamp', tags: ['RED'] })).toBe(2);
    expect(await whoGets(poster, waits, { need: 'x', context: 'Hauptstrasse 1' })).toBe(1);
    expect(await whoGets(poster, waits, { tags: ['small', 'red', 'round'] })).toBe(0);
  });

  it('gets a task that comes back to the board, but not the agent that gave it up', async () => {
    const { market, poster, worker } = await cast();
    const other = await market.register('other');
    const id = await claimTask(poster, worker);
    const waits = [await wait(market, worker)];
    await worker.post(`/v1/tasks/${id}/abandon`);
    // Not what it gave up, but the next one.
    expect(await whoGets(poster, waits)).toBe(0);
    await other.post(`/v1/tasks/${id}/pickup`);
    const { reply } = await wait(market, await market.register('third'));
    await other.post(`/v1/tasks/${id}/abandon`);
    expect((await reply).body).toMatchObject({ task_id: id, claim_number: 3 });
  });

  it('never gets a task of its own agent or of a suspended poster', async () => {
    const { market, poster, worker } = await cast();
    const waits = [await wait(market, poster), await wait(market, worker)];
    expect(await whoGets(poster, waits)).toBe(1);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    expectError(await waits[0]!.reply, 403);
  });

  it.each(['suspended', 'revoked', 'paused', 'full'] as const)(
    'is refused when its agent or key is %s',
    async (how) => {
      const { market, poster, worker } = await cast({
        PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1',
        PINCHWORK_MAX_OPEN_CLAIMS: '1',
      });
      const held = how === 'paused' ? await claimTask(poster, worker) : '';
      const tagged = '&tags=nothing-has-this';
      const early = how === 'paused' ? undefined : await wait(market, worker, tagged);
      if (how === 'suspended') {
        await market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
        expectError(await early!.reply, 403);
      } else if (how === 'revoked') {
        await worker.post('/v1/me/keys/rotate', {});
        expectError(await early!.reply, 401);
      } else if (how === 'paused') {
        // Full as long as it holds the claim, paused when it has given it up.
        expect((await worker.post('/v1/tasks/pickup?wait=60')).body.code).toBe('too_many_claims');
        await worker.post(`/v1/tasks/${held}/abandon`);
        expect((await worker.post('/v1/tasks/pickup?wait=60')).body.code).toBe('pickups_paused');
      } else {
        await claimTask(poster, worker);
        expect(await early!.reply).toMatchObject({ status: 429, body: { code: 'too_many_claims' } });
      }
      expect(market.ctx.shares.waits.used).toBe(0);
    },
  );

  it('is refused when a pause begins during the wait', async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1' });
    const held = await claimTask(poster, worker);
    const { reply } = await wait(market, worker);
    await worker.post(`/v1/tasks/${held}/abandon`);
    expect(await reply).toMatchObject({ status: 429, body: { code: 'pickups_paused' } });
  });

  it('is limited together with the streams of its agent', async () => {
    const { market, worker } = await cast({ PINCHWORK_MAX_STREAMS_PER_AGENT: '1' });
    const first = await wait(market, worker);
    expect(await worker.post('/v1/tasks/pickup?wait=60')).toMatchObject({
      status: 429,
      body: { code: 'too_many_streams' },
    });
    expect((await worker.post('/v1/tasks/pickup')).status).toBe(204);
    await end(market, [first]);
  });

  it('gets the same task as its repetition with the same idempotency key, and no other', async () => {
    const { market, poster, worker } = await cast();
    const key = { 'idempotency-key': 'one-and-the-same' };
    const waits = [await wait(market, worker, '', key), await wait(market, worker, '', key)];
    const id = await postTask(poster);
    const replies = [
      ...(await Promise.all(waits.map(({ reply }) => reply))),
      await worker.post('/v1/tasks/pickup?wait=300', undefined, key),
    ];
    expect(replies.map(({ status, body }) => [status, body.task_id])).toEqual(replies.map(() => [200, id]));
    expect((await worker.get('/v1/tasks/mine?role=worker')).body.total).toBe(1);
  });

  it('of the best matched agent comes first, and all others after the head start', async () => {
    const { market, poster } = await cast({ PINCHWORK_MATCH_EXCLUSIVE_SECONDS: '30' });
    const [first, second, third] = (await crowd(market, 3)) as [Agent, Agent, Agent];
    await second.patch('/v1/me', { tags: ['red', 'green'] });
    await third.patch('/v1/me', { tags: ['red'] });
    await approveWorkOf(engine, market, [second, third]);
    const waits = [await wait(market, first), await wait(market, third), await wait(market, second)];
    const tags = ['red', 'green'];
    expect(await whoGets(poster, waits, { tags })).toBe(2);
    expect(await whoGets(poster, waits, { tags })).toBe(1);
    const held = whoGets(poster, waits, { tags });
    await until(() => market.clock.alarms === 2);
    market.clock.advance(30 * secondMs);
    expect(await held).toBe(0);
  });

  it('gets a task whose matching is pending once it is answered: the best matched, or after 15 seconds', async () => {
    const { market, poster } = await cast();
    const [first, second] = (await crowd(market, 2)) as [Agent, Agent];
    const helper = await registerHelper(market);
    const early = await postTask(poster);
    // It was there before the wait began, and is left alone too.
    const waits = [await wait(market, first), await wait(market, second)];
    expect((await answer(helper, answers.match([second]))).status).toBe(200);
    expect((await waits[1]!.reply).body.task_id).toBe(early);
    const late = whoGets(poster, waits.slice(0, 1));
    await until(() => market.clock.alarms === 2);
    market.clock.advance(15 * secondMs - 1);
    // That of the task has not rung, nor has that of the wait.
    expect(market.clock.alarms).toBe(2);
    market.clock.advance(1);
    expect(await late).toBe(0);
  });

  it('of a chosen agent gets the task, and of no other', async () => {
    const { market, poster } = await cast();
    const [first, second] = (await crowd(market, 2)) as [Agent, Agent];
    const waits = [await wait(market, first), await wait(market, second)];
    expect(await whoGets(poster, waits, { for_agents: [second.id] })).toBe(1);
    await postTask(poster, { for_agents: [second.id] });
    expect(await whoGets(poster, waits)).toBe(0);
  });

  it('of several chosen agents gets the task if the last claim of its agent is oldest', async () => {
    const { market, poster } = await cast();
    const [first, second] = (await crowd(market, 2)) as [Agent, Agent];
    market.clock.advance(secondMs);
    const chosen = { for_agents: [first.id, second.id] };
    const waits = [await wait(market, first), await wait(market, second)];
    expect(await whoGets(poster, waits, chosen)).toBe(0);
    waits.push(await wait(market, first));
    expect(await whoGets(poster, waits, chosen)).toBe(1);
    expect(await whoGets(poster, waits, chosen)).toBe(2);
  });

  it('of a judge gets its seat, and of no other', async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_DISPUTE_JUDGES: '1' });
    const judges = await registerJudges(market, 2);
    const waits = [await wait(market, judges[0]!), await wait(market, judges[1]!)];
    // Chosen, because the judges wait for any task.
    await disputeTask(market, { poster, worker }, { for_agents: [worker.id] });
    const [seat] = await engine.query(market.url, 'select judge_id from dispute_seats');
    const judge = judges.findIndex(({ id }) => id === seat!.judge_id);
    expect((await waits[judge]!.reply).body.need).toContain('Judge the dispute');
    expect(market.ctx.dispatcher.count).toBe(1);
    await end(market, waits);
  });

  it('of an infra agent gets system tasks, also when it holds as many claims as it may', async () => {
    const { market, poster, worker } = await cast({ PINCHWORK_MAX_OPEN_CLAIMS: '1' });
    const [helper, other] = [await registerHelper(market), await registerHelper(market, 'other')];
    await claimTask(poster, helper);
    const [full, free] = [
      await wait(market, helper, '&tags=nobody-has-this'),
      await wait(market, other, '&tags=nobody'),
    ];
    const id = await postTask(poster);
    const got = (await Promise.race([full.reply, free.reply])).body;
    expect(got).toMatchObject({ poster_id: 'ag-platform', need: expect.stringContaining('Match agents for:') });
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' });
    const next = (await Promise.all([full.reply, free.reply])).map(({ body }) => body.need as string);
    expect(next.filter((need) => need.includes('Verify completion'))).toHaveLength(1);
  });

  it('of an infra agent that was at its limit is handed any task again as soon as it begins another', async () => {
    const { market, poster } = await cast({ PINCHWORK_MAX_OPEN_CLAIMS: '1' });
    const helper = await registerHelper(market);
    const unmatched = { verification: 'off' };
    const held = await claimTask(poster, helper, unmatched);
    const [late] = (await crowd(market, 1)) as [Agent];
    const waits = [await wait(market, helper), await wait(market, late)];
    // The infra agent comes first, and may have no more.
    expect(await whoGets(poster, waits, unmatched)).toBe(1);
    expect((await helper.post(`/v1/tasks/${held}/deliver`, { result: 'x' })).status).toBe(200);
    expect((await poster.post(`/v1/tasks/${held}/approve`)).status).toBe(200);
    waits.push(await wait(market, helper));
    expect(await whoGets(poster, waits, unmatched)).toBeOneOf([0, 2]);
    await end(market, waits);
  });

  it('of an infra agent at its limit is handed no task that it may not have, also after it has looked again', async () => {
    const { market, poster } = await cast({ PINCHWORK_MAX_OPEN_CLAIMS: '1' });
    const helper = await registerHelper(market);
    const unmatched = { verification: 'off' };
    await claimTask(poster, helper, unmatched);
    const [late] = (await crowd(market, 1)) as [Agent];
    const waits = [await wait(market, helper), await wait(market, late)];
    const { db, dispatcher } = market.ctx;
    const transact = db.transact.bind(db);
    let pickups = 0;
    db.transact = (name, work) => {
      pickups += Number(name === 'pickup next');
      return transact(name, work);
    };
    market.clock.advance(15 * secondMs);
    await dispatcher.look();
    await until(() => pickups === 2 && dispatcher.idle === 2);
    expect([await whoGets(poster, waits, unmatched), pickups]).toEqual([1, 3]);
    await end(market, waits);
  });

  it('looks at its board now and then, for what no signal tells', async () => {
    const { market, poster, worker } = await cast();
    const id = await postTask(poster);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    const { reply } = await wait(market, worker);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: false });
    market.clock.advance(15 * secondMs);
    await market.ctx.dispatcher.look();
    expect((await reply).body.task_id).toBe(id);
  });

  it('holds no database connection, and a task that many wait for wakes one of them', async () => {
    const { market, poster } = await cast();
    const agents = await crowd(market, 40);
    const waits: Waiting[] = [];
    for (const agent of agents) waits.push(await wait(market, agent));
    let commits = 0;
    market.ctx.db.observeCommits((transactions) => (commits += transactions));
    expect(await whoGets(poster, waits)).toBe(0);
    // The task, and one claim.
    expect(commits).toBe(2);
    await end(market, waits.slice(1));
  });

  it('leaves each of many tasks to one of many waits', async () => {
    const { market, poster } = await cast();
    const waits: Waiting[] = [];
    for (const agent of await crowd(market, 12)) waits.push(await wait(market, agent));
    const posted = await Promise.all(waits.map(() => postTask(poster, { max_credits: 1 })));
    const got = await Promise.all(waits.map(async ({ reply }) => (await reply).body.task_id as string));
    expect(got.sort()).toEqual(posted.sort());
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('gets a task whose lease has ended', async () => {
    const { market, poster, worker } = await cast();
    const other = await market.register('other');
    const id = await claimTask(poster, worker, { heartbeat_minutes: 4 });
    const { reply } = await wait(market, other);
    await market.pass(4 * minuteMs);
    expect((await reply).body.task_id).toBe(id);
  });
});

itOnPostgres(
  'a pickup that waits gets a task that another server posts, and exactly one of two servers hands it out',
  async () => {
    const market = await Market.fresh(postgres, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const [poster, a, b] = [await market.register('poster'), await market.register('a'), await market.register('b')];
    const other = await Market.open(market.url, {}, market.clock);
    onTestFinished(() => other.close());
    for (const { ctx } of [market, other]) ctx.db.signals.connect();
    await until(async () => (await market.ctx.db.countServers()) === 2);
    const there = other.client(b.id, b.key);
    const waits = [await wait(market, a), await wait(other, there)];
    const ids = [await postTask(poster), await postTask(other.client(poster.id, poster.key))];
    const got = await Promise.all(waits.map(async ({ reply }) => (await reply).body.task_id as string));
    expect(got.sort()).toEqual(ids.sort());
  },
);

itOnPostgres('a pickup that waits gets a task whose signal was lost, by a look at the newest tasks', async () => {
  const market = await Market.fresh(postgres, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  // It hears no signals of other servers.
  const deaf = await Market.open(market.url, {}, market.clock);
  onTestFinished(() => deaf.close());
  for (const fields of [{}, { for_agents: [worker.id] }]) {
    const { reply } = await wait(deaf, deaf.client(worker.id, worker.key));
    const id = await postTask(poster, fields);
    await deaf.ctx.dispatcher.look();
    expect((await reply).body.task_id).toBe(id);
  }
});
