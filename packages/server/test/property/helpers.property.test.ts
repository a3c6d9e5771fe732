import fc from 'fast-check';
import { expect, it } from 'vitest';
import audit from '../../src/audit/audit.ts';
import { minuteMs, secondMs } from '../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { answers, registerHelper } from '../support/helpers.ts';
import { type Agent, Market, postTask } from '../support/market.ts';
import { testSeed } from '../support/random.ts';
import { scale } from '../support/scale.ts';

/**
 * Random walks over system tasks. A poster and a worker move tasks; two infra agents claim the system tasks about
 * them, answer, answer badly, abandon, or try to claim the task itself; time passes, and the server restarts. After
 * each step, all system tasks and payments must be as the model says, and the audit must be clean.
 */
const walks = scale('HELPER_WALKS', { short: 1, long: 10 });
const timeoutMs = 120 * secondMs;
/** Rejected workers keep their claims, since this test is not about them. */
const settings = { PINCHWORK_MAX_REJECTIONS: '1000', PINCHWORK_REJECTION_GRACE_MINUTES: '1440' };

const verbs = [
  'post',
  'cancel',
  'claim',
  'deliver',
  'approve',
  'reject',
  'take',
  'answer',
  'fail',
  'giveBack',
] as const;
const others = ['wantTask', 'wait', 'restart'] as const;
type Verb = (typeof verbs)[number] | (typeof others)[number];

const step = fc.record({
  verb: fc.constantFrom<Verb[]>(...verbs, 'post', 'take', 'take', 'answer', 'deliver', ...others),
  helper: fc.nat(1),
  /** Index of the task, counted back from the newest. */
  back: fc.nat(3),
  seconds: fc.constantFrom(1, 59, 61, 119, 121),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Work {
  /** Number of deliveries so far. */
  deliveries: number;
  readonly id: string;
  status: 'posted' | 'claimed' | 'delivered' | 'ended';
  worker: Agent['id'] | null;
  readonly inspectors: Set<string>;
}

interface Question {
  /** Number of the delivery that this verify task is about. */
  readonly delivery: number;
  readonly kind: 'match' | 'verify';
  readonly about: Work;
  readonly dueAt: number;
  status: 'posted' | 'claimed' | 'approved' | 'cancelled';
  /** Helpers that gave it back: it is not handed out to them again. */
  readonly givenBackBy: Set<number>;
  holder: number | null;
  /** The id on the server, known once it is claimed. */
  id: string | undefined;
}

const price = { match: 3, verify: 5 };

/** A system task that is abandoned after its task has moved on is withdrawn. */
const isNeeded = ({ kind, about, delivery }: Question) =>
  kind === 'match' ? about.status === 'posted' : about.status === 'delivered' && about.deliveries === delivery;

class Walk {
  readonly works: Work[] = [];
  readonly questions: Question[] = [];
  readonly earned = [0, 0];
  market: Market;
  agents: { poster: Agent; worker: Agent; helpers: Agent[] };

  constructor(market: Market, agents: Walk['agents']) {
    this.market = market;
    this.agents = agents;
  }

  get now(): number {
    return this.market.clock.now();
  }

  #ask(kind: Question['kind'], about: Work): void {
    const dueAt = Math.ceil((this.now + timeoutMs) / secondMs) * secondMs;
    const { deliveries: delivery } = about;
    this.questions.push({
      kind,
      about,
      delivery,
      dueAt,
      status: 'posted',
      givenBackBy: new Set(),
      holder: null,
      id: undefined,
    });
  }

  #withdraw(kind: Question['kind'], about: Work): void {
    for (const question of this.questions) {
      if (question.kind === kind && question.about === about && question.status === 'posted')
        question.status = 'cancelled';
    }
  }

  async #pass(ms: number): Promise<void> {
    await this.market.pass(ms);
    for (const each of this.questions) {
      if (['posted', 'claimed'].includes(each.status) && each.dueAt <= this.now) each.status = 'cancelled';
    }
  }

  async run({ verb, helper, back, seconds }: Step): Promise<void> {
    // No two system tasks have the same age.
    await this.#pass(1);
    const { poster, worker, helpers } = this.agents;
    const work = this.works.at(-1 - back);
    const agent = helpers[helper]!;
    const held = this.questions.find((each) => each.status === 'claimed' && each.holder === helper);
    const post = (who: Agent, path: string, body?: object) => who.post(`/v1/tasks/${path}`, body);
    switch (verb) {
      case 'post': {
        const id = await postTask(poster, { max_credits: 1 });
        this.works.push({ id, status: 'posted', worker: null, deliveries: 0, inspectors: new Set() });
        this.#ask('match', this.works.at(-1)!);
        return;
      }
      case 'cancel':
        if (work?.status !== 'posted') return;
        expect((await post(poster, `${work.id}/cancel`)).status).toBe(200);
        work.status = 'ended';
        this.#withdraw('match', work);
        return;
      case 'claim':
      case 'wantTask': {
        if (work?.status !== 'posted') return;
        const who = verb === 'claim' ? worker : agent;
        const { status } = await post(who, `${work.id}/pickup`);
        expect(status).toBe(work.inspectors.has(who.id) ? 409 : 200);
        if (status !== 200) return;
        Object.assign(work, { status: 'claimed', worker: who.id });
        this.#withdraw('match', work);
        return;
      }
      case 'deliver': {
        if (work?.status !== 'claimed') return;
        const who = [worker, ...helpers].find(({ id }) => id === work.worker)!;
        expect((await post(who, `${work.id}/deliver`, { result: 'Seven' })).status).toBe(200);
        work.status = 'delivered';
        work.deliveries++;
        this.#ask('verify', work);
        return;
      }
      case 'approve':
      case 'reject':
        if (work?.status !== 'delivered') return;
        expect((await post(poster, `${work.id}/${verb}`, { reason: 'No' })).status).toBe(200);
        work.status = verb === 'approve' ? 'ended' : 'claimed';
        this.#withdraw('verify', work);
        return;
      case 'take': {
        const { status, body } = await post(agent, 'pickup?tags=nothing-else');
        const waiting = this.questions.filter(
          (each) =>
            each.status === 'posted' &&
            each.dueAt > this.now &&
            each.about.worker !== agent.id &&
            !each.givenBackBy.has(helper) &&
            isNeeded(each),
        );
        // The oldest of each kind: the list is in the order of creation.
        const next = waiting.find(({ kind }) => kind === 'match') ?? waiting.find(({ kind }) => kind === 'verify');
        expect(status).toBe(next === undefined ? 204 : 200);
        if (next === undefined) return;
        expect(body.max_credits).toBe(price[next.kind]);
        expect(JSON.parse(body.context as string).task.task_id).toBe(next.about.id);
        Object.assign(next, { status: 'claimed', holder: helper, id: body.task_id });
        next.about.inspectors.add(agent.id);
        return;
      }
      case 'answer':
      case 'fail':
      case 'giveBack': {
        if (held === undefined) return;
        const fits = held.kind === 'match' ? answers.match([worker]) : answers.verify();
        const path = verb === 'giveBack' ? 'abandon' : 'deliver';
        const { status } = await post(agent, `${held.id}/${path}`, { result: verb === 'fail' ? '{}' : fits });
        expect(status).toBe(verb === 'fail' ? 400 : 200);
        if (verb === 'giveBack') {
          held.givenBackBy.add(helper);
          Object.assign(held, { status: isNeeded(held) ? 'posted' : 'cancelled', holder: null });
        }
        if (verb === 'answer') {
          held.status = 'approved';
          this.earned[helper]! += price[held.kind];
        }
        return;
      }
      case 'wait':
        await this.#pass(seconds * secondMs);
        return;
      case 'restart': {
        const { url, clock } = this.market;
        await this.market.close();
        this.market = await Market.open(url, settings, clock);
        const again = ({ id, key }: Agent) => this.market.client(id, key);
        this.agents = { poster: again(poster), worker: again(worker), helpers: helpers.map(again) };
      }
    }
  }

  async verify(engine: Engine): Promise<void> {
    const rows = await engine.query(
      this.market.url,
      `select kind, about_id, status, count(*) as n from tasks where kind <> 'work' group by kind, about_id, status`,
    );
    const stored = rows.map(({ kind, about_id, status, n }) => [kind, about_id, status, Number(n)].join(' '));
    const counts = new Map<string, number>();
    for (const { kind, about, status } of this.questions) {
      const key = [kind, about.id, status].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(stored.sort()).toEqual([...counts].map(([key, n]) => `${key} ${n}`).sort());
    for (const [i, helper] of this.agents.helpers.entries()) {
      const { total_earned } = (await helper.get('/v1/me/stats')).body;
      expect(total_earned).toBeGreaterThanOrEqual(this.earned[i]!);
    }
    const paid = await engine.query(
      this.market.url,
      `select coalesce(sum(-amount), 0) as sum from ledger_entries where account_id = 'mint' and task_id is not null`,
    );
    expect(Number(paid[0]!.sum)).toBe(this.earned[0]! + this.earned[1]!);
    const { broken } = await audit(this.market.ctx.db, { now: this.now });
    expect(broken).toEqual([]);
  }
}

async function openWalk(engine: Engine): Promise<Walk> {
  const market = await Market.open(await engine.marketUrl(), settings);
  const helpers = [await registerHelper(market, 'one'), await registerHelper(market, 'two')];
  return new Walk(market, {
    poster: await market.register('poster'),
    worker: await market.register('worker'),
    helpers,
  });
}

onBothEngines('system tasks in random walks', (engine) => {
  it(`are as the model says (seed ${testSeed})`, { timeout: 10 * minuteMs }, async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
      const walk = await openWalk(engine);
      try {
        for (const each of steps) {
          await walk.run(each);
          await walk.verify(engine);
        }
      } finally {
        await walk.market.close();
      }
    });
    await fc.assert(property, { numRuns: walks, seed: testSeed });
  });
});
