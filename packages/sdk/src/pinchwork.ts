import { methodsOf, queryOf, randomKey } from './client/build.ts';
import type { Calls } from './client/calls.ts';
import type { CallOptions, Options } from './client/options.ts';
import { rows } from './client/rows.ts';
import { type TaskHelpers, taskHelpers } from './client/tasks.ts';
import { Transport } from './client/transport.ts';
import type { WorkerOptions, WorkerSummary } from './worker/options.ts';
import { type TellRetry, Worker, type WorkerClient } from './worker/worker.ts';

/** What a raw request has besides its path. */
export interface RawInput {
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  /** Sent as JSON. */
  readonly body?: object | undefined;
  /** `any`: a reply that is no JSON (Markdown, CSV) is returned as text. By default it is an error. */
  readonly replies?: 'json' | 'any' | undefined;
}

interface Helpers {
  /** The address of the server. */
  readonly server: string;
  /** Any request, for what has no method here. Paths under `/v1/admin` get the admin key. @returns null for 204 */
  request(method: string, path: string, input?: RawInput, options?: CallOptions): Promise<unknown>;
  /**
   * Works: picks up tasks, hands them to `handler`, delivers what it returns, sends heartbeats, and does again what is
   * rejected. Outlives failures of the network and of the server.
   *
   * @returns what it has done, when `signal` ends it, or `max` or `once`
   * @throws PinchworkError if the server refuses this agent: a wrong key, for example
   */
  worker(options: WorkerOptions): Promise<WorkerSummary>;
}

/** A client of a Pinchwork server: a method for each of its endpoints, and some that join several. */
export type Pinchwork = Omit<Calls, 'tasks'> & Helpers & { readonly tasks: Calls['tasks'] & TaskHelpers };

class Client implements Helpers {
  readonly server: string;
  readonly #transport: Transport;

  constructor(options: Options = {}) {
    this.#transport = new Transport(options);
    this.server = this.#transport.settings.server;
    Object.assign(this, methodsOf(this.#transport, rows));
    const { tasks } = this as unknown as Calls;
    Object.assign(tasks, taskHelpers(tasks));
  }

  worker(options: WorkerOptions): Promise<WorkerSummary> {
    const client = this as unknown as WorkerClient;
    const tell: TellRetry = (error, delayMs, attempt) =>
      this.#transport.tellRetry({ error, delayMs, attempt }, { method: 'POST', path: '/v1/tasks/pickup' });
    return new Worker(client, options, tell).run();
  }

  async request(method: string, path: string, input: RawInput = {}, options: CallOptions = {}) {
    const { query = {}, body, replies = 'json' } = input;
    if (!path.startsWith('/')) throw new TypeError(`A path begins with "/": ${path}`);
    const isRead = method === 'GET' || method === 'DELETE';
    const { apiKey } = this.#transport.settings;
    const ownKey = apiKey === undefined ? 'none' : 'agent';
    return this.#transport[replies](
      {
        method,
        path: path + queryOf(Object.entries(query)),
        auth: path.startsWith('/v1/admin/') ? 'admin' : ownKey,
        headers: {
          ...(isRead ? {} : { 'idempotency-key': options.idempotencyKey ?? randomKey() }),
          ...(replies === 'any' ? { accept: 'application/json, */*;q=0.9' } : {}),
        },
        body: isRead ? undefined : JSON.stringify(body ?? {}),
        isSafe: method !== 'DELETE',
      },
      options,
    );
  }
}

/** The methods come from the table of endpoints, which a class cannot say. */
export const Pinchwork = Client as unknown as new (options?: Options) => Pinchwork;
