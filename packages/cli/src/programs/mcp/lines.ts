import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { parseJSONRPCMessage } from '@modelcontextprotocol/server';
import type { InputStream, OutputStream } from '../../io.ts';

/** The longest message that is read. */
const mostCharacters = 10 * 1024 * 1024;

/** Messages as lines of JSON: on stdin from the client, on stdout to it. Nothing else is written to stdout. */
export class Lines implements Transport {
  onmessage?: (message: JSONRPCMessage) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  /** Resolves when the client has closed stdin, or nobody reads stdout. */
  readonly ended: Promise<void>;
  readonly #stdin: InputStream;
  readonly #stdout: OutputStream;
  #end: () => void = () => undefined;

  constructor(stdin: InputStream, stdout: OutputStream) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async start(): Promise<void> {
    void this.#read()
      .catch((error: unknown) => this.onerror?.(error as Error))
      .finally(() => void this.close());
  }

  async send(message: JSONRPCMessage): Promise<void> {
    try {
      await this.#stdout.write(`${JSON.stringify(message)}\n`);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#end();
    this.onclose?.();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.#stdin.chunks()) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') this.#pass(line);
      if (rest.length > mostCharacters) throw new Error('A message is longer than 10 MiB');
    }
    if (rest.trim() !== '') this.#pass(rest);
  }

  #pass(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(JSON.parse(line));
    } catch (error) {
      this.onerror?.(error as Error);
      return;
    }
    this.onmessage?.(message);
  }
}
