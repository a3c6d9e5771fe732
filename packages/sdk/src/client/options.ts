import type { PinchworkError } from './error.ts';

/** A call that failed and is tried again, or a stream that broke and is opened again. */
export interface Retry {
  readonly error: PinchworkError;
  /** Milliseconds until the next attempt. */
  readonly delayMs: number;
  /** 1 before the second attempt. */
  readonly attempt: number;
  readonly method: string;
  readonly url: string;
}

/** The settings of a client. */
export interface Options {
  /** The server's address. Default: `PINCHWORK_SERVER`, else `http://127.0.0.1:8000`. */
  readonly server?: string | undefined;
  /** The agent's key; empty: none, whatever the environment has. Default: `PINCHWORK_API_KEY`. */
  readonly apiKey?: string | undefined;
  /** The key for `client.admin`. Default: `PINCHWORK_ADMIN_KEY`. */
  readonly adminKey?: string | undefined;
  /** How often a call is repeated that failed for a reason that passes. Default: 2. */
  readonly maxRetries?: number | undefined;
  /** How long an attempt may take, in milliseconds; a `wait` in the call is added. Default: 60,000. */
  readonly timeoutMs?: number | undefined;
  /** The longest pause before a repetition, in milliseconds: if `Retry-After` is longer, the call fails at once. Default: 60,000. */
  readonly maxRetryWaitMs?: number | undefined;
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Called before every repetition and before a stream is opened again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The settings of one call. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxRetries?: number | undefined;
  /** The key that makes repetitions harmless. Default: a random one for each call. */
  readonly idempotencyKey?: string | undefined;
}

const defaultServer = 'http://127.0.0.1:8000';

type Variable = 'PINCHWORK_SERVER' | 'PINCHWORK_API_KEY' | 'PINCHWORK_ADMIN_KEY';

/** Reads a variable of the environment. In browsers there is none; Deno may forbid it. An empty one counts as absent. */
function variable(name: Variable): string | undefined {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    const value = process?.env?.[name];
    return value === '' ? undefined : value;
  } catch {
    return undefined;
  }
}

export interface Settings extends Options {
  readonly server: string;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly maxRetryWaitMs: number;
  readonly fetch: typeof fetch;
}

/** The settings with their defaults. @throws TypeError if the server's address is not one. */
export function settingsOf(options: Options): Settings {
  const server = (options.server ?? variable('PINCHWORK_SERVER') ?? defaultServer).replace(/\/+$/, '');
  const { protocol, username, password, search, hash } = parsed(server);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`The server must be http or https: ${server}`);
  // `fetch` refuses these; a query would end up in the middle of every address.
  if (username + password + search + hash !== '') {
    throw new TypeError('The address of the server must be without a user, a password, a query and a fragment');
  }
  return {
    ...options,
    server,
    apiKey: keyOf(options.apiKey, 'PINCHWORK_API_KEY'),
    adminKey: keyOf(options.adminKey, 'PINCHWORK_ADMIN_KEY'),
    maxRetries: options.maxRetries ?? 2,
    timeoutMs: options.timeoutMs ?? 60_000,
    maxRetryWaitMs: options.maxRetryWaitMs ?? 60_000,
    // Browsers refuse to call it as a method of another object.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

const keyOf = (given: string | undefined, name: Variable) => (given === '' ? undefined : (given ?? variable(name)));

function parsed(server: string): URL {
  try {
    return new URL(server);
  } catch {
    throw new TypeError(`The server is not an address such as https://market.example: ${server}`);
  }
}
