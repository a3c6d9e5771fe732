import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import type { Client } from '../support/client.ts';
import { Cluster } from '../support/cluster.ts';
import { itOnPostgres, postgres as engine } from '../support/engines.ts';
import { createDatabase, startPostgres } from '../support/postgres.ts';
import { Random, testSeed } from '../support/random.ts';
import { type Behaviour, Receiver } from '../support/receiver.ts';
import { numbers } from '../support/streams.ts';
import { eventsOf, expectAsTold } from './as-told.ts';
import { Helper } from './helper.ts';
import { type Chapter, History, historySettings, initialCredits, type Profile } from './history.ts';
import { Listener } from './listener.ts';
import { until } from '../support/until.ts';

/**
 * Three nodes on one PostgreSQL behind a load balancer; a node is killed every two seconds, and the database itself is
 * restarted twice, once in order and once not. Each client follows its own history, reads back what it has done through
 * whichever node comes next, and listens to its agents' event streams, some of which go to webhooks as well. Two agents answer
 * the platform's own tasks meanwhile.
 *
 * Ten minutes of it, on a slow machine twenty: `PINCHWORK_TEST_CHAOS_KILLS=300 npx vitest run chaos`. The run prints its seed.
 */
const kills = Number(process.env.PINCHWORK_TEST_CHAOS_KILLS ?? 10);
const killEveryMs = 2_000;
/**
 * Expected replies per kill, not per second: each kill waits until the previous node is back, which takes longer on a
 * busy machine.
 */
const leastRepliesPerKill = 800;
const clients = 6;
/** The largest allowed share of replies with 502 or 503. */
const toleratedShare = 0.01;
const maxRetries = 1;

const settings = {
  ...historySettings,
  PINCHWORK_SYSTEM_CREDITS_PER_HOUR: 'off',
  PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
  // Short: other servers wait this long plus 5 s before they take over an attempt of a killed server.
  PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '1',
  PINCHWORK_WEBHOOK_MAX_RETRIES: String(maxRetries),
};

itOnPostgres(
  'loses nothing that was answered, and does nothing twice',
  { timeout: 180_000 + kills * 20_000 },
  async () => {
    console.log(`${kills} kills, seed ${testSeed}`);
    const random = new Random(testSeed);
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const database = await createDatabase(postgres.adminUrl);
    const cluster = await Cluster.start(database, 3, settings);
    const receiver = await openReceiver(random.fork());
    const audience = new Audience(cluster);
    const histories = Array.from({ length: clients }, (_, i) => {
      const dice = random.fork();
      const profile = () => profileOf(dice, receiver);
      return new History(`client ${i}`, cluster, random.fork(), { profile, onChapter: audience.chapterOf(i) });
    });
    const helpers = await openHelpers(cluster, audience, random);

    let goesOn = true;
    const killing = async () => {
      const restarts = new Map([
        [Math.ceil(kills / 3), 'fast'],
        [Math.ceil((2 * kills) / 3), 'immediate'],
      ] as const);
      for (let kill = 1; kill <= kills; kill++) {
        await Promise.all([pause(killEveryMs), cluster.front.untilReplies(leastRepliesPerKill)]);
        const restart = restarts.get(kill);
        await Promise.all([cluster.killNode(random.below(cluster.size)), restart && postgres.restart(restart)]);
      }
      goesOn = false;
    };
    await Promise.all([killing(), ...[...histories, ...helpers].map((party) => party.run(() => goesOn))]);
    await audience.leave();
    await untilAllIsSent(database);

    const node = cluster.direct(0);
    const chapters = histories.flatMap((history) => history.chapters);
    let tasks = 0;
    for (const chapter of chapters)
      tasks += await expectAsTold(chapter, node.as(chapter.poster), node.as(chapter.worker));
    const systemTasks = await expectPaid(node, database, helpers);
    const events = await audience.expectToHaveHeardAll(node);
    const webhooks = await expectSent(database, chapters, events, receiver);
    const { body: audit } = await node.admin.get('/v1/admin/audit');
    const checked = { tasks: tasks + systemTasks, agents: 2 * chapters.length + helpers.length };
    expect(audit).toMatchObject({ ok: true, broken: [], checked });

    const { all, unavailable } = cluster.front.counts;
    const leftOpen = histories.reduce((sum, history) => sum + history.leftOpen, 0);
    const statuses = [...cluster.front.statuses].map(([status, count]) => `${status}: ${count}`).join(', ');
    console.log(`${all} replies (${statuses}), ${tasks} tasks, ${leftOpen} requests left open`);
    console.log(`${systemTasks} tasks of the platform; ${audience.summary}; ${webhooks}`);
    expect(unavailable).toBeGreaterThan(0);
    expect(unavailable / all).toBeLessThanOrEqual(toleratedShare);
  },
);

/** Gives some agents a webhook, which sometimes refuses everything, and some agents a `good_at`. */
function profileOf(dice: Random, receiver: Receiver): Profile {
  const webhook_url = new URL(dice.chance(25) ? '/closed' : '/open', receiver.url).href;
  return { ...(dice.chance(40) ? { webhook_url } : {}), ...(dice.chance(30) ? { good_at: 'Sums and songs' } : {}) };
}

/** A receiver that refuses 5 % of all webhooks, and every webhook sent to `/closed`. */
function openReceiver(dice: Random): Promise<Receiver> {
  const behaviour: Behaviour = (response, _n, { path }) =>
    void response.writeHead(path === '/closed' || dice.chance(5) ? 500 : 200).end();
  return Receiver.open(behaviour);
}

/** Registers helpers that match current workers: usually two, sometimes more than one transaction notifies. */
async function openHelpers(cluster: Cluster, audience: Audience, random: Random): Promise<Helper[]> {
  const dice = random.fork();
  const choose = () => audience.workers.slice(0, dice.chance(25) ? clients : 2);
  const helpers = await Promise.all([1, 2].map((i) => Helper.register(cluster, `helper ${i}`, choose)));
  for (const { agent } of helpers) audience.listen(agent);
  return helpers;
}

type Credentials = Chapter['poster'] | Helper['agent'];

/** Reads the streams of all helpers, and those of a client's agents during their chapter and the next one. */
class Audience {
  readonly #cluster: Cluster;
  readonly #listeners = new Map<Credentials, Listener>();
  readonly #latest: Chapter[][] = Array.from({ length: clients }, () => []);

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  listen(agent: Credentials): void {
    this.#listeners.set(agent, new Listener((lastId) => this.#cluster.follow(agent, lastId)));
  }

  /** Follows the chapters of a client. */
  chapterOf(client: number): (chapter: Chapter) => void {
    return (chapter) => {
      for (const agent of [chapter.poster, chapter.worker]) this.listen(agent);
      const latest = this.#latest[client]!;
      latest.push(chapter);
      if (latest.length <= 2) return;
      const { poster, worker } = latest.shift()!;
      for (const agent of [poster, worker]) void this.#listeners.get(agent)!.stop();
    };
  }

  /** The workers of the latest chapters, by their ids. */
  get workers(): string[] {
    return this.#latest.flatMap((chapters) => chapters.slice(-1).map(({ worker }) => worker.id));
  }

  async leave(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((listener) => listener.stop()));
  }

  /** Reads every stream to its end and compares it with the event history. @returns the number of events per agent. */
  async expectToHaveHeardAll(node: Client): Promise<ReadonlyMap<string, number>> {
    const heard = new Map<string, number>();
    for (const [agent, listener] of this.#listeners) {
      const events = await eventsOf(node.as(agent));
      expect(events.map(({ id }) => id)).toEqual(numbers(1, events.length));
      await listener.readTo(events.length);
      expect(listener.messages.map(({ id, event, data }) => ({ id, event, ...data }))).toEqual(
        events.map((event) => ({ event: event.type, ...event })),
      );
      heard.set(agent.id, events.length);
    }
    expect(this.#cuts).toBeGreaterThan(0);
    return heard;
  }

  get #cuts(): number {
    return [...this.#listeners.values()].reduce((sum, { cuts }) => sum + cuts, 0);
  }

  get summary(): string {
    const events = [...this.#listeners.values()].reduce((sum, { messages }) => sum + messages.length, 0);
    return `${events} events in ${this.#listeners.size} streams, cut ${this.#cuts} times`;
  }
}

/**
 * Waits until the outbox is empty and no webhook delivery is pending, except those to receivers that rest: they are
 * paused, or have had their requests of this minute.
 */
async function untilAllIsSent(database: string): Promise<void> {
  const waiting = `select id from outbox union all
    select d.id from webhook_deliveries d join webhook_receivers r on r.agent_id = d.agent_id
      where d.status = 'pending' and r.rest_until <= extract(epoch from now()) * 1000 limit 1`;
  await until(async () => {
    const isOver = (await engine.query(database, waiting)).length === 0;
    if (!isOver) await pause(100);
    return isOver;
  });
}

/** Checks that helpers were paid for their answers, by the mint. @returns the number of platform tasks. */
async function expectPaid(node: Client, database: string, helpers: readonly Helper[]): Promise<number> {
  for (const { agent, earned, answered } of helpers) {
    expect((await node.as(agent).get('/v1/me')).body.credits).toBe(initialCredits + earned);
    for (const count of Object.values(answered)) expect(count).toBeGreaterThan(0);
  }
  const [count] = await engine.query(database, `select count(*)::int as all from tasks where kind <> 'work'`);
  return count!.all as number;
}

/** Checks that each webhook event was delivered, or is dead and has a log. @returns a summary. */
async function expectSent(
  database: string,
  chapters: readonly Chapter[],
  events: ReadonlyMap<string, number>,
  { received }: Receiver,
): Promise<string> {
  const arrived = new Set(received.map(({ headers }) => headers['webhook-id']));
  const rows = await engine.query(
    database,
    `select agent_id, id, event_number::int, status, attempts from webhook_deliveries
      where event_number is not null order by agent_id, event_number`,
  );
  const told = Map.groupBy(rows, ({ agent_id }) => agent_id);
  for (const { id, profile } of chapters.flatMap(({ poster, worker }) => [poster, worker])) {
    const own = (told.get(id) ?? []).map(({ event_number }) => event_number);
    expect(own).toEqual(profile.webhook_url === undefined ? [] : numbers(1, events.get(id)!));
  }
  for (const { id, status, attempts } of rows) {
    const log = JSON.parse(String(attempts)) as { error: string | null }[];
    if (status === 'delivered') {
      expect(arrived).toContain(id);
      expect(log.at(-1)).toMatchObject({ error: null });
    } else if (status === 'dead') expect(log.length).toBe(maxRetries + 1);
    else expect(log.length).toBeLessThanOrEqual(maxRetries);
  }
  const count = (wanted: string) => rows.filter(({ status }) => status === wanted).length;
  expect(count('dead')).toBeGreaterThan(0);
  expect(count('delivered')).toBeGreaterThan(0);
  return `${rows.length} webhooks in ${received.length} attempts, ${count('dead')} of them dead, ${count('pending')} wait`;
}
