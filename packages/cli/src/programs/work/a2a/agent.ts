import type { Context } from '../../../command/row.ts';
import { exitCodes } from '../../../exit-codes.ts';
import { Failure } from '../../../failure.ts';
import { doubling, pause } from '../../pause.ts';
import { type AgentInterface, cardAddresses, interfaceOf } from './card.ts';
import { fieldsOf, textOf } from './json.ts';
import { callOf, type HttpCall, type Operation, type Told, told } from './wire.ts';

/** The most of an answer that is read. */
const longestAnswerBytes = 8 * 1024 * 1024;
/** How long an answer may take, but for one to a message: some agents answer it with the result. */
const answerMs = 30_000;
const firstPauseMs = 1_000;
const lastPauseMs = 30_000;
/** Answers after which the same request may succeed. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

type Surroundings = Pick<Context, 'clock' | 'fetch'>;

export const agentFailure = (message: string, hint?: string): Failure =>
  new Failure(message, { code: 'a2a_failed', exitCode: exitCodes.failed, hint });

/** What has no answer that counts, and may be repeated. */
class Passing extends Error {}

/** An agent of A2A that the user has chosen. The key goes to the origin that the user named, and to no other. */
export class A2aAgent {
  readonly interface: AgentInterface;
  readonly #around: Surroundings;
  readonly #key: string | undefined;

  private constructor(around: Surroundings, found: AgentInterface, key: string | undefined) {
    this.#around = around;
    this.interface = found;
    this.#key = key;
  }

  /**
   * Reads the card of an agent.
   *
   * @param given the address of the agent or of its card
   * @param key its key; a text with a space is a whole `Authorization`
   * @throws Failure if there is no card, or none that this program can use
   */
  static async find(
    around: Surroundings,
    given: string,
    key: string | undefined,
    signal: AbortSignal,
  ): Promise<A2aAgent> {
    const reader = new A2aAgent(
      around,
      { name: '', url: given, binding: 'JSONRPC', version: '1.0', keyHeader: undefined },
      key,
    );
    let last = 'there is none';
    for (const url of cardAddresses(given)) {
      try {
        const call: HttpCall = { method: 'GET', url, headers: { accept: 'application/json', 'a2a-version': '1.0' } };
        const found = interfaceOf(await reader.#ask(call, signal, answerMs));
        if (key !== undefined && new URL(found.url).origin !== new URL(given).origin) {
          throw new Failure(
            `The card sends messages to ${new URL(found.url).origin}, and your key is for ${new URL(given).origin}`,
            {
              code: 'a2a_origin',
              exitCode: exitCodes.usage,
              hint: 'If that is the agent you mean, give its own address with --a2a.',
            },
          );
        }
        return new A2aAgent(around, found, key);
      } catch (error) {
        if (error instanceof Failure && error.code !== 'a2a_failed') throw error;
        last = error instanceof Error ? error.message : String(error);
      }
    }
    throw new Failure(`No card of an A2A agent was found at ${new URL(given).origin}: ${last}`, {
      code: 'a2a_card',
      exitCode: exitCodes.network,
      hint: 'Give the address of the agent, or of its card (…/.well-known/agent-card.json).',
    });
  }

  /** Does an operation, again while it fails for a reason that may pass. @param onRetry gets the reason */
  async call(
    operation: Operation,
    signal: AbortSignal,
    onRetry: (reason: string) => void = () => undefined,
  ): Promise<Told> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(operation, signal);
      } catch (error) {
        if (!(error instanceof Passing) || signal.aborted) throw error;
        onRetry(error.message);
        if (!(await pause(this.#around.clock, doubling(attempt, firstPauseMs, lastPauseMs), signal))) throw error;
      }
    }
  }

  async #once(operation: Operation, signal: AbortSignal): Promise<Told> {
    const limitMs = operation.type === 'send' ? undefined : answerMs;
    const answer = await this.#ask(callOf(this.interface, operation), signal, limitMs);
    const { error, result } = fieldsOf(answer);
    if (this.interface.binding === 'JSONRPC' && error !== undefined) {
      const { code, message } = fieldsOf(error);
      throw agentFailure(`The agent refused it (${String(code)}): ${textOf(message)}`);
    }
    const read = told(this.interface.binding === 'JSONRPC' ? result : answer);
    if (read === undefined) throw agentFailure('The answer of the agent is no task and no message of text');
    return read;
  }

  /** Sends a request once. @throws Passing, or a Failure that says what the agent answered */
  async #ask(
    { method, url, headers, body }: HttpCall,
    signal: AbortSignal,
    limitMs: number | undefined,
  ): Promise<unknown> {
    const limit = new AbortController();
    const cancel = limitMs === undefined ? () => undefined : this.#around.clock.after(limitMs, () => limit.abort());
    const { fetch: send = fetch } = this.#around;
    try {
      const response = await send(url, {
        method,
        headers: { ...headers, ...this.#keyHeaders() },
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        signal: AbortSignal.any([signal, limit.signal]),
      });
      const text = await readText(response);
      if (passing.has(response.status)) throw new Passing(`The agent answered ${response.status}`);
      if (response.status >= 200 && response.status < 300) return parsed(text);
      const said = textOf(fieldsOf(fieldsOf(safely(text)).error).message);
      throw agentFailure(`The agent answered ${response.status}${said === '' ? '' : `: ${said}`}`);
    } catch (error) {
      if (error instanceof Failure || error instanceof Passing || signal.aborted) throw error;
      throw new Passing(limit.signal.aborted ? 'The agent does not answer' : 'The agent cannot be reached');
    } finally {
      cancel();
    }
  }

  #keyHeaders(): Record<string, string> {
    if (this.#key === undefined) return {};
    const { keyHeader } = this.interface;
    if (keyHeader !== undefined) return { [keyHeader]: this.#key };
    return { authorization: this.#key.includes(' ') ? this.#key : `Bearer ${this.#key}` };
  }
}

/** @throws Failure for an answer that is too long */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (response.body !== null) {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > longestAnswerBytes) throw agentFailure('The answer of the agent is longer than 8 MiB');
      chunks.push(chunk);
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  const value = safely(text);
  if (value === undefined) throw agentFailure('The answer of the agent is not JSON');
  return value;
}

function safely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
