import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, expectStatus, fieldsOf, getRequest, postTemplate, taskIdOf } from '../http.ts';

/** What honest clients saw in a window. */
export interface Seen {
  /** Milliseconds from sending a request to having its reply, ascending. */
  readonly times: readonly number[];
  /** What failed: the status or error of each, with its number. */
  readonly failures: ReadonlyMap<string, number>;
}

const clients = 24;
/** Tasks of each client on the board, so that a search for something rare takes long. */
const tasksEach = 5;
/** Each client stays within the rate limits of the default settings, for two windows of ten seconds. */
const pauseMs = 550;
/** Longer than what is accepted of everybody without a look at what is free. */
const longText = 'A long text. '.repeat(7_000);

/** Clients that do ordinary work: each has an account, an address, and requests of its own, one after the other. */
export class HonestClients {
  readonly #url: URL;
  readonly #clients: readonly Client[];

  private constructor(url: URL, all: readonly Client[]) {
    this.#url = url;
    this.#clients = all;
  }

  static async open(url: URL): Promise<HonestClients> {
    const all = await Promise.all(Array.from({ length: clients }, (_, i) => openClient(url, `127.0.1.${i + 1}`)));
    return new HonestClients(url, all);
  }

  /** Works for some seconds. */
  async work(seconds: number): Promise<Seen> {
    const times: number[] = [];
    const failures = new Map<string, number>();
    const until = performance.now() + seconds * 1_000;
    const run = async (client: Client, index: number) => {
      await sleep((pauseMs / clients) * index);
      for (let turn = index; performance.now() < until; turn++) {
        const startedAt = performance.now();
        try {
          await this.#request(client, turn);
          times.push(performance.now() - startedAt);
        } catch (error) {
          const what = (error as Error).message.slice(0, 100);
          failures.set(what, (failures.get(what) ?? 0) + 1);
        }
        await sleep(pauseMs * (0.5 + Math.random()));
      }
    };
    await Promise.all(this.#clients.map(run));
    return { times: times.sort((a, b) => a - b), failures };
  }

  close(): void {
    for (const { connection } of this.#clients) connection?.close();
  }

  /** Each kind of request in turn. Every other request is sent on a new connection. */
  async #request(client: Client, turn: number): Promise<void> {
    if (turn % 2 === 0) {
      client.connection?.close();
      client.connection = undefined;
    }
    const connection = (client.connection ??= await Connection.open(this.#url, client.address));
    const kinds = client.requests;
    try {
      const reply = await connection.send(kinds[turn % kinds.length]!);
      expectStatus(reply, 200, 201);
    } catch (error) {
      connection.close();
      client.connection = undefined;
      throw error;
    }
  }
}

interface Client {
  readonly address: string;
  readonly requests: readonly string[];
  connection: Connection | undefined;
}

async function openClient(url: URL, address: string): Promise<Client> {
  const connection = await Connection.open(url, address);
  const { host } = url;
  const registered = await connection.send(postTemplate(host, undefined, { name: 'honest' })('/v1/register'));
  const key = fieldsOf(expectStatus(registered, 201)).api_key as string;
  const create = (fields: object) => postTemplate(host, key, { max_credits: 1, ...fields })('/v1/tasks');
  const post = async () => taskIdOf(expectStatus(await connection.send(create({ need: 'Count the words' })), 201));
  const task = await post();
  for (let i = 1; i < tasksEach; i++) await post();
  // Starts the server's thread for long searches, which takes half a second once.
  await connection.send(getRequest(host, key, '/v1/tasks/available?search=zebras'));
  return {
    address,
    connection,
    requests: [
      getRequest(host, key, '/v1/me'),
      create({ need: 'Count the words', tags: ['words'] }),
      getRequest(host, key, '/v1/tasks/available'),
      create({ need: 'Summarise this', context: longText }),
      getRequest(host, key, `/v1/tasks/${task}`),
      getRequest(host, key, '/v1/tasks/available?search=words'),
      getRequest(host, undefined, '/health'),
    ],
  };
}
