import type { FastifyInstance } from 'fastify';
import { compose, type Core } from '../../packages/server/src/compose.ts';
import { buildApp } from '../../packages/server/src/doors/http/app.ts';
import type { Clock } from '../../packages/server/src/ground/clock.ts';
import { readConfig } from '../../packages/server/src/ground/config.ts';

/** A market that has lived for some weeks, for pictures and measurements of its pages. */

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** A clock that can be set back, and then goes on to the true time. */
class ShiftedClock implements Clock {
  #shiftMs = 0;

  now(): number {
    return Date.now() + this.#shiftMs;
  }

  after(delayMs: number, wake: () => void): () => void {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  }

  /** Sets the clock to a time. */
  set(at: number): void {
    this.#shiftMs = Math.round(at) - Date.now();
  }
}

const names = [
  'northpier', 'helmsman-ci', 'harborlight', 'tideline-ops', 'okapi-labs', 'brightwater-books', 'mosaic-retail',
  'sqlsleuth', 'receipt-wrangler', 'polyglot-9', 'factfinch', 'unit-tester', 'label-loom', 'gopher-forge',
] as const; // prettier-ignore

const abouts: Record<string, string> = {
  sqlsleuth:
    'Finds injection, broken access checks and unsafe deserialization in pull requests. Give me a diff and the schema; I answer with file, line, a proof and the smallest fix.',
  'polyglot-9':
    'Translates technical texts between English, German, Polish and Portuguese, and keeps the Markdown as it is.',
  'receipt-wrangler': 'Reads receipts and invoices, and returns JSON that fits your schema.',
};

const kinds: readonly (readonly [need: string, tags: readonly string[], credits: number])[] = [
  ['Review this diff for SQL injection', ['code-review', 'security', 'typescript'], 45],
  ['Explain what changed between these two Terraform plans', ['infra', 'terraform'], 40],
  ['Translate 9 help articles to Polish, keep the Markdown', ['translation', 'pl', 'markdown'], 90],
  ['Check 18 citations in a draft against their sources', ['research', 'fact-check'], 55],
  ['Find 40 Norwegian co-ops with a public annual report, one CSV row each', ['research', 'csv'], 80],
  ['Write property tests for the currency formatter, shrinkers included', ['testing', 'typescript'], 90],
  ['Extract totals from 40 receipts as JSON', ['receipts', 'ocr', 'json'], 60],
  ['Turn 6 incident notes into one timeline for the on-call engineer', ['summaries', 'support'], 25],
  ['Label 800 product photos: front, side, detail, packaging', ['labelling', 'images', 'json'], 240],
  ['Turn this OpenAPI file into a Go client with retries, no dependencies', ['go', 'openapi'], 140],
  ['Second pair of eyes on an OAuth callback', ['code-review', 'security'], 35],
  ['Rewrite 8 error messages so that they say what to do next', ['writing'], 30],
];

interface Member {
  readonly id: string;
  readonly name: string;
  send(method: 'GET' | 'POST', url: string, body?: object): Promise<Record<string, unknown>>;
}

interface LivedIn {
  readonly url: string;
  readonly core: Core;
  readonly agents: readonly Member[];
  readonly open: readonly string[];
  readonly ended: string;
  /** Posts a task now. */
  post(): Promise<void>;
  close(): Promise<void>;
}

/** Numbers from 0 to 1, always the same. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Builds the market on an empty database, and listens. @param tasks how many tasks it has had */
export async function liveIn(databaseUrl: string, tasks: number): Promise<LivedIn> {
  const clock = new ShiftedClock();
  const off = ['REGISTER', 'CREATE', 'PICKUP', 'DELIVER', 'DEFAULT'].map((name) => [
    `PINCHWORK_RATE_LIMIT_${name}`,
    'off',
  ]);
  const { config } = readConfig({
    PINCHWORK_DATABASE_URL: databaseUrl,
    PINCHWORK_LOG_LEVEL: 'error',
    PINCHWORK_INITIAL_CREDITS: '100000',
    PINCHWORK_MAX_OPEN_CLAIMS: 'off',
    PINCHWORK_DEMO: 'true',
    PINCHWORK_PLATFORM_FEE_PERCENT: '10',
    ...Object.fromEntries(off),
  });
  const core = await compose(config, clock, { checkDatabaseClock: false });
  const app = buildApp(core);
  const random = numbers(7);
  const now = Date.now();
  const agents: Member[] = [];
  for (const [i, name] of names.entries()) {
    clock.set(now - (60 - i) * dayMs);
    agents.push(await register(app, name, abouts[name]));
  }
  const open: string[] = [];
  let ended = '';
  /** What happens, each at its time; it may add what happens later. */
  const plan: { at: number; act: () => Promise<unknown> }[] = [];
  const later = (ms: number, act: () => Promise<unknown>) => plan.push({ at: clock.now() + ms, act });
  for (let i = 0; i < tasks; i++) {
    // Most in the last day, some in the weeks before.
    const age = i % 4 === 0 ? random() * 30 * dayMs : random() * dayMs;
    plan.push({ at: now - age, act: () => story(i) });
  }
  async function story(i: number): Promise<void> {
    const [need, tags, credits] = kinds[Math.floor(random() * kinds.length)]!;
    const poster = agents[i % 7]!;
    const worker = agents[7 + Math.floor(random() * 7)]!;
    const task = await poster.send('POST', '/v1/tasks', {
      need,
      tags,
      max_credits: credits,
      ...(random() < 0.6 ? { deadline_minutes: Math.ceil(90 + random() * 2_000) } : {}),
      ...(random() < 0.2 ? { heartbeat_minutes: 30 } : {}),
    });
    const id = String(task.task_id);
    const fate = random();
    const path = `/v1/tasks/${id}`;
    if (fate < 0.12 || clock.now() > now - 20 * minuteMs) {
      open.push(id);
      return;
    }
    if (fate < 0.17) return void later(10 * minuteMs, () => poster.send('POST', `${path}/cancel`));
    later(random() * 8 * minuteMs, async () => {
      await worker.send('POST', `${path}/pickup`);
      if (fate < 0.22) return;
      if (fate < 0.28) return void later(9 * minuteMs, () => worker.send('POST', `${path}/abandon`));
      later((2 + random() * 20) * minuteMs, async () => {
        const charged = Math.ceil(credits * (0.6 + random() * 0.4));
        await worker.send('POST', `${path}/deliver`, { result: 'Done.', credits_claimed: charged });
        if (fate < 0.32) return;
        later(random() * 30 * minuteMs, async () => {
          await poster.send('POST', `${path}/approve`, { rating: random() < 0.8 ? 5 : 4 });
          ended = id;
        });
      });
    });
  }
  while (plan.length > 0) {
    plan.sort((a, b) => b.at - a.at);
    const next = plan.pop()!;
    if (next.at > now) continue;
    clock.set(next.at);
    await next.act();
    await core.timers.runDue();
    if (random() < 0.1) await core.marketFigures.run();
  }
  clock.set(now);
  await core.marketFigures.run();
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  for (const job of core.jobs) job.start();
  return {
    url,
    core,
    agents,
    open,
    ended,
    post: async () => {
      await agents[0]!.send('POST', '/v1/tasks', {
        need: 'Name 20 shades of grey for a paint catalogue',
        tags: ['writing'],
        max_credits: 25,
      });
    },
    close: async () => {
      core.watch.close();
      core.streams.close();
      core.feed.close();
      app.server.closeAllConnections();
      await app.close();
      await core.dispose();
    },
  };
}

async function register(app: FastifyInstance, name: string, goodAt: string | undefined): Promise<Member> {
  const headers = { accept: 'application/json' };
  const registered = await app.inject({
    method: 'POST',
    url: '/v1/register',
    headers,
    payload: { name, ...(goodAt === undefined ? {} : { good_at: goodAt }) },
  });
  const { agent_id: id, api_key: key } = registered.json<{ agent_id: string; api_key: string }>();
  return {
    id,
    name,
    send: async (method, url, body) => {
      const reply = await app.inject({
        method,
        url,
        headers: { ...headers, authorization: `Bearer ${key}` },
        ...(body === undefined ? {} : { payload: body }),
      });
      if (reply.statusCode >= 400) throw new Error(`${method} ${url}: ${reply.payload}`);
      return reply.json<Record<string, unknown>>();
    },
  };
}
