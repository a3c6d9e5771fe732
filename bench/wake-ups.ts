import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { percentile } from './figures.ts';
import { Connection, expectStatus, fieldsOf, getRequest, postTemplate, taskIdOf } from './http.ts';
import { verdict } from './report.ts';

/** How long it took until deliveries were answered, and until the poster received them: milliseconds, ascending. */
interface Deliveries {
  readonly deliver: readonly number[];
  readonly wait: readonly number[];
  readonly stream: readonly number[];
}

/** Warm-up deliveries that are not counted, until V8 has compiled the hot code. */
const warmUp = 50;

/**
 * Makes one delivery after the other. The poster of each task waits for it in both ways.
 *
 * @param workAt the worker's server. @param listenAt the poster's server.
 */
export async function measureDeliveries(workAt: URL, listenAt: URL, count: number): Promise<Deliveries> {
  const [work, listen] = [await Connection.open(workAt), await Connection.open(listenAt)];
  const { host } = workAt;
  const register = async (name: string) =>
    fieldsOf(expectStatus(await work.send(postTemplate(host, undefined, { name })('/v1/register')), 201))
      .api_key as string;
  const [poster, worker] = [await register('poster'), await register('worker')];
  const stream = await Stream.open(listenAt, poster);
  const create = postTemplate(host, poster, { need: 'Count the words', max_credits: 1 })('/v1/tasks');
  const pickup = postTemplate(host, worker);
  const deliver = postTemplate(host, worker, { result: 'Seven' });
  const times: Record<keyof Deliveries, number[]> = { deliver: [], wait: [], stream: [] };
  for (let i = -warmUp; i < count; i++) {
    const id = taskIdOf(expectStatus(await work.send(create), 201));
    const claimed = stream.next('task_claimed', id);
    expectStatus(await work.send(pickup(`/v1/tasks/${id}/pickup`)), 200);
    await claimed;
    const heard = stream.next('task_delivered', id);
    const waited = listen.send(getRequest(listenAt.host, poster, `/v1/tasks/${id}?wait=60`)).then((reply) => {
      if (fieldsOf(expectStatus(reply, 200)).status !== 'delivered')
        throw new Error(`The wait was answered ${reply.body}`);
      return performance.now();
    });
    // Gives the long poll time to arrive, because nothing reports that it has.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const start = performance.now();
    const answered = work.send(deliver(`/v1/tasks/${id}/deliver`)).then((reply) => {
      expectStatus(reply, 200);
      return performance.now();
    });
    const [answeredAt, waitedAt, heardAt] = await Promise.all([answered, waited, heard]);
    if (i < 0) continue;
    times.deliver.push(answeredAt - start);
    times.wait.push(waitedAt - start);
    times.stream.push(heardAt - start);
  }
  for (const end of [work, listen, stream]) end.close();
  const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);
  return { deliver: sorted(times.deliver), wait: sorted(times.wait), stream: sorted(times.stream) };
}

/** A row of the table: how long it took until the delivery was answered, and until the poster received it. */
export function deliveryRow(what: string, targetMs: number, deliver: readonly number[], heard: readonly number[]) {
  const ms = (sorted: readonly number[], share: number) => percentile(sorted, share).toFixed(1);
  return [
    what,
    `<= ${targetMs} ms`,
    ...[deliver, heard].flatMap((sorted) => [ms(sorted, 0.5), ms(sorted, 0.99)]),
    verdict(percentile(heard, 0.99) <= targetMs),
  ];
}

/** An event stream on which the reader waits for one event at a time. */
class Stream {
  readonly #socket: ReturnType<typeof connect>;
  #text = '';
  #waiting: { text: string; resolve: (at: number) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: ReturnType<typeof connect>) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      if (this.#waiting === undefined || !this.#text.includes(this.#waiting.text)) return;
      this.#text = '';
      this.#waiting.resolve(performance.now());
    });
    socket.once('close', () => this.#waiting?.reject(new Error('The stream has ended')));
  }

  static open({ host, hostname, port }: URL, key: string): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once('error', reject);
      socket.once('data', () => resolve(new Stream(socket)));
      socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`);
    });
  }

  /** Resolves when the event about a task has arrived. */
  next(type: string, taskId: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { text: `"type":"${type}","task_id":"${taskId}"`, resolve, reject };
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}
