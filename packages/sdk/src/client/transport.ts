import { type ErrorParts, isPassing, PinchworkError } from './error.ts';
import { type CallOptions, type Settings, settingsOf, type Options } from './options.ts';
import { backoff, pause } from './time.ts';

/** A request as the transport sends it. */
export interface Request {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly auth: 'none' | 'agent' | 'admin';
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string | undefined;
  /** Whether it may be repeated when nobody knows if the server has done it. */
  readonly isSafe: boolean;
  /** Seconds for which the server may hold the answer. */
  readonly waitSeconds?: number;
}

/** Failures after which the server has changed nothing, so that any request may be repeated. */
const unchanged = new Set<string>(['overloaded', 'request_timeout', 'rate_limited', 'too_many_streams']);
/** Failures with the status 429 that pass although nobody knows when; a proxy's are among them. */
const limitsWithoutTime = new Set<string>(['too_many_streams', 'unexpected_reply']);
const firstRetryMs = 500;
const lastRetryMs = 8_000;

/** Sends requests: the key, time limits, repetitions, and what a reply means. */
export class Transport {
  readonly settings: Settings;

  constructor(options: Options) {
    this.settings = settingsOf(options);
  }

  /** @returns the reply's JSON; null for 204. @throws PinchworkError */
  async json(request: Request, options: CallOptions): Promise<unknown> {
    return this.repeat(request, options, async (response) => {
      if (response.status === 204) return null;
      const text = await response.text();
      const reply = parsed(text);
      if (reply === undefined) throw unexpected(response, text);
      return reply;
    });
  }

  /** @returns the reply's JSON, any other reply as text; null for 204. @throws PinchworkError */
  async any(request: Request, options: CallOptions): Promise<unknown> {
    return this.repeat(request, options, async (response) => {
      if (response.status === 204) return null;
      const isJson = /^application\/([\w.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
      const text = await response.text();
      return isJson ? (parsed(text) ?? text) : text;
    });
  }

  /**
   * Sends a request until it succeeds or must not be repeated.
   *
   * @param read reads a successful reply; what it throws counts as a failure of the attempt. The time limit covers it.
   */
  async repeat<T>(request: Request, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { maxRetries = this.settings.maxRetries } = options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request, options, read);
      } catch (error) {
        if (!(error instanceof PinchworkError) || attempt > maxRetries) throw error;
        const delayMs = this.#delay(error, request, attempt);
        if (delayMs === undefined) throw error;
        this.tellRetry({ error, delayMs, attempt }, request);
        await pause(delayMs, options.signal);
      }
    }
  }

  tellRetry(
    retry: { readonly error: PinchworkError; readonly delayMs: number; readonly attempt: number },
    { method, path }: Pick<Request, 'method' | 'path'>,
  ): void {
    this.settings.onRetry?.({ ...retry, method, url: this.settings.server + path });
  }

  /** How long to wait before a repetition; undefined: the request must not be repeated. */
  #delay(error: PinchworkError, { isSafe }: Request, attempt: number): number | undefined {
    const { status, code, retryAfter } = error;
    if (!isPassing(error) || !(isSafe || unchanged.has(code))) return undefined;
    // A limit of the server that no time lifts: finish a claim, await an answer.
    if (status === 429 && retryAfter === undefined && !limitsWithoutTime.has(code)) return undefined;
    const own = backoff(attempt, firstRetryMs, lastRetryMs);
    if (retryAfter === undefined) return own;
    // Some later than told: all clients that wait for the same moment would come together.
    const told = retryAfter * 1_000 + Math.random() * Math.min(1_000, own);
    return retryAfter * 1_000 > this.settings.maxRetryWaitMs ? undefined : Math.round(told);
  }

  async #attempt<T>(request: Request, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { signal } = options;
    signal?.throwIfAborted();
    const limit = new AbortController();
    const timeoutMs = (options.timeoutMs ?? this.settings.timeoutMs) + (request.waitSeconds ?? 0) * 1_000;
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    const stop = () => limit.abort();
    signal?.addEventListener('abort', stop);
    try {
      const response = await this.open(request, limit.signal);
      return await read(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof PinchworkError) throw error;
      if (limit.signal.aborted) {
        throw new PinchworkError(`${this.settings.server} did not answer within ${timeoutMs / 1_000} s`, {
          code: 'timeout',
          cause: error,
        });
      }
      throw unreachable(this.settings.server, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Sends a request once. @returns a successful response. @throws PinchworkError for every other */
  async open({ method, path, auth, headers, body }: Request, signal: AbortSignal): Promise<Response> {
    const response = await this.settings.fetch(this.settings.server + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...this.settings.headers,
        ...headers,
        ...this.#authorization(auth),
      },
      ...(body === undefined ? {} : { body }),
      // A redirect that is followed could carry the key to another server.
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      signal,
    });
    if (response.ok) return response;
    throw await refusal(response, this.settings.server);
  }

  #authorization(auth: Request['auth']): Record<string, string> {
    const { apiKey, adminKey } = this.settings;
    const key = auth === 'admin' ? adminKey : apiKey;
    if (key !== undefined) return auth === 'none' ? {} : { authorization: `Bearer ${key}` };
    if (auth === 'none') return {};
    const [name, variable] = auth === 'admin' ? ['adminKey', 'PINCHWORK_ADMIN_KEY'] : ['apiKey', 'PINCHWORK_API_KEY'];
    throw new PinchworkError('This call needs a key', {
      code: 'no_key',
      hint: `Give the client an ${name}, or set ${variable}. client.register(…) answers with a new agent's key.`,
    });
  }
}

function parsed(text: string): object | undefined {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === 'object' && reply !== null ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** The error that a reply other than a success means. */
async function refusal(response: Response, server: string): Promise<PinchworkError> {
  const { status, type, headers } = response;
  // Browsers hide where an opaque redirect leads.
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    const to = headers.get('location');
    return new PinchworkError(`${server} redirects${to === null ? '' : ` to ${to}`}`, {
      code: 'redirected',
      status,
      hint: 'Redirects are not followed, so that no key reaches another server: set the server to the address that you mean.',
    });
  }
  const text = await response.text();
  const reply = parsed(text) as Partial<Record<string, unknown>> | undefined;
  if (typeof reply?.error !== 'string') return unexpected(response, text);
  const textOf = (field: string) => (typeof reply[field] === 'string' ? reply[field] : undefined);
  return new PinchworkError(reply.error, {
    code: (textOf('code') ?? 'unexpected_reply') as ErrorParts['code'],
    status,
    hint: textOf('hint'),
    requestId: textOf('request_id') ?? headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterOf(headers),
    reply,
  });
}

/** Seconds, from the number or the date of `Retry-After`. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}

/** A reply that no Pinchwork server gives. */
function unexpected({ status, headers }: Response, text: string): PinchworkError {
  const start = text.replace(/\s+/g, ' ').trim().slice(0, 100);
  return new PinchworkError(`The reply (HTTP ${status}) is not one of a Pinchwork server: ${start || 'it is empty'}`, {
    code: 'unexpected_reply',
    status,
    hint: 'Check the address of the server, and whether a proxy answers in its place.',
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterOf(headers),
  });
}

/** No reply: `fetch` tells the reason in the cause of its error, or nowhere. */
function unreachable(server: string, error: unknown): PinchworkError {
  const { cause, message } = error as { cause?: { code?: unknown; message?: unknown }; message?: unknown };
  const isSaid = (text: unknown): text is string => typeof text === 'string' && text !== '';
  const reason = [cause?.message, cause?.code, message].find(isSaid) ?? 'the connection failed';
  return new PinchworkError(`Could not reach ${server}: ${reason}`, {
    code: 'network_error',
    hint: 'Check that the server runs and that its address is right.',
    cause: error,
  });
}
