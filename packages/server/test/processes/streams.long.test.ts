import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask } from '../support/market.ts';
import { MortalServer } from '../support/mortal.ts';
import { Random, testSeed } from '../support/random.ts';
import { type Message, numbers, StreamReader } from '../support/streams.ts';

/**
 * An agent follows its stream while its connection is cut repeatedly, and while the servers that it reads from and those
 * that write are killed and restarted.
 *
 * For more events: `PINCHWORK_TEST_EVENTS=1000000 npx vitest run processes/streams`. The run prints its seed.
 */
const wanted = Number(process.env.PINCHWORK_TEST_EVENTS ?? 10_000);
/** PostgreSQL takes several times as long per message, so it gets fewer of them. */
const share = { SQLite: 1, PostgreSQL: 0.25 };
const eventsPerCut = 30;
const writers = 40;
const restarts = 3;

/** One server on SQLite, two on PostgreSQL. */
async function startServers(engine: Engine): Promise<readonly MortalServer[]> {
  const url = await engine.marketUrl();
  const env = { PINCHWORK_LOG_LEVEL: 'fatal' };
  return Array.from({ length: engine.name === 'PostgreSQL' ? 2 : 1 }, () => new MortalServer(url, env));
}

/** Sends messages one after the other and repeats each until it gets a reply. @returns their ids. */
async function write(server: MortalServer, worker: Agent, task: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const key = { 'idempotency-key': `message ${ids.length}` };
    const reply = await server.post(worker, `/v1/tasks/${task}/messages`, { message: 'Half done' }, key);
    if (reply?.status === 201) ids.push(reply.body.id);
    else if (reply !== undefined && reply.status < 500) throw new Error(`A message was answered ${reply.status}`);
  }
  return ids;
}

/** Reads a stream of `count` events to its end over as many connections as needed. */
class Follower {
  readonly messages: Message[] = [];
  cuts = 0;
  readonly #servers: readonly MortalServer[];
  readonly #agent: Agent;
  readonly #random: Random;
  #alarm: { at: number; ring: () => void } | undefined;

  constructor(servers: readonly MortalServer[], agent: Agent, random: Random) {
    this.#servers = servers;
    this.#agent = agent;
    this.#random = random;
  }

  /** Waits until `count` events have been read. */
  untilRead(count: number): Promise<void> {
    return new Promise((resolve) => (this.#alarm = { at: count, ring: resolve }));
  }

  async follow(count: number): Promise<void> {
    for (let lastId = 0; lastId < count;) {
      const reader = await this.#connect(lastId);
      if (reader === undefined) {
        await pause(20);
        continue;
      }
      const enough = 1 + this.#random.below(2 * eventsPerCut);
      await reader.until(({ messages }) => messages.length >= Math.min(enough, count - lastId));
      if (!reader.ended) this.cuts++;
      reader.cut();
      // Keeps every event received so far, also those beyond `enough`: reading resumes after the last one.
      for (const message of reader.messages) this.messages.push(message);
      lastId = reader.messages.at(-1)?.id ?? lastId;
      if (this.#alarm !== undefined && lastId >= this.#alarm.at) this.#alarm.ring();
    }
  }

  /** Opens a stream at a random server; undefined if that server is down. */
  async #connect(lastId: number): Promise<StreamReader | undefined> {
    const { url } = await this.#servers[this.#random.below(this.#servers.length)]!.client();
    const headers = { 'last-event-id': String(lastId) };
    const reader = await StreamReader.open(url, this.#agent, { headers }).catch(() => undefined);
    if (reader !== undefined && reader.status !== 200 && reader.status < 500) {
      throw new Error(`The stream was answered ${reader.status}`);
    }
    return reader?.status === 200 ? reader : undefined;
  }
}

onBothEngines('a stream that is cut again and again', (engine) => {
  const events = Math.max(writers * 10, Math.round(wanted * share[engine.name]));

  it('sends every event once, in order', { timeout: 60_000 + events * 20 }, async () => {
    console.log(`${engine.name}: ${events} events, seed ${testSeed}`);
    const random = new Random(testSeed);
    const servers = await startServers(engine);
    const client = await servers[0]!.client();
    const poster = await client.register('poster');
    const workers = await Promise.all(Array.from({ length: writers }, () => client.register('worker')));
    const tasks = await Promise.all(workers.map((worker) => claimTask(poster, worker, { max_credits: 1 })));
    const perWriter = Math.ceil(events / writers);
    const total = writers * (1 + perWriter);

    const follower = new Follower(servers, poster, random.fork());
    const writing = workers.map((worker, i) => write(servers[i % servers.length]!, worker, tasks[i]!, perWriter));
    const killing = async () => {
      for (let i = 0; i < restarts; i++) {
        await follower.untilRead(Math.floor((total * (i + 1)) / (restarts + 1)));
        await servers[i % servers.length]!.die();
      }
    };
    const [written] = await Promise.all([Promise.all(writing), follower.follow(total), killing()]);

    expect(follower.messages.map(({ id }) => id)).toEqual(numbers(1, total));
    const told = follower.messages.filter(({ event }) => event === 'task_message').map(({ data }) => data);
    for (const [i, task] of tasks.entries()) {
      expect(told.filter(({ task_id }) => task_id === task).map(({ message_id }) => message_id)).toEqual(written[i]);
    }
    const { admin } = await servers[0]!.client();
    expect((await admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
    console.log(`${engine.name}: ${follower.cuts} cuts, ${restarts} restarts`);
    expect(follower.cuts).toBeGreaterThan(total / (2 * eventsPerCut) / 2);
  });
});
