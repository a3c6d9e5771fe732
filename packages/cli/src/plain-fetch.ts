import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

type Transport = Pick<typeof import('node:http'), 'request'>;

/** `import` of `node:http` would load Node's `fetch` with it, which this is to avoid. Node 20 has no other way before 20.16. */
async function transportFor({ protocol }: URL): Promise<Transport> {
  const name = protocol === 'https:' ? 'node:https' : 'node:http';
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => object | undefined };
  return (getBuiltinModule?.(name) ?? (await import(name))) as Transport;
}

/**
 * What the client needs of `fetch`, by Node's `http`: a text is sent, and a text or a stream comes back. To load Node's
 * own `fetch` takes 50 ms, which is more than all else that a short command does.
 *
 * @throws TypeError with the reason as its cause when there is no answer, as `fetch` does; the error of the signal, when
 *   it ends the request. When it ends an answer, reading that fails.
 */
export async function plainFetch(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> {
  const url = new URL(input instanceof URL || typeof input === 'string' ? input : input.url);
  const response = new PlainResponse(await answerOf(await transportFor(url), url, init));
  // The client reads no more of it than this.
  return response as unknown as Response;
}

function answerOf({ request }: Transport, url: URL, { method = 'GET', headers, body, signal }: RequestInit) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const text = typeof body === 'string' ? body : undefined;
    const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
    const sent = request(url, {
      method,
      headers: { ...(headers as Record<string, string>), ...length },
      ...(signal ? { signal } : {}),
    });
    sent.once('response', resolve);
    sent.once('error', (cause) => reject(signal?.aborted === true ? cause : new TypeError('fetch failed', { cause })));
    sent.end(text);
  });
}

/** The part of a `Response` that the client reads. */
class PlainResponse {
  readonly type = 'basic';
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage) {
    this.#message = message;
    this.status = message.statusCode ?? 0;
    this.headers = { get: (name) => message.headersDistinct[name.toLowerCase()]?.join(', ') ?? null };
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body() {
    return Readable.toWeb(this.#message);
  }

  async text(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#message) chunks.push(chunk as Buffer);
    return new TextDecoder().decode(Buffer.concat(chunks));
  }
}
