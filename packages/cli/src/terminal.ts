import { createInterface } from 'node:readline';
import { addAbortSignal, type Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ReadStream, WriteStream } from 'node:tty';
import { type InputStream, OutputClosed, type OutputStream } from './io.ts';

/** The streams of the process. */

type Out = NodeJS.WriteStream & Partial<Pick<WriteStream, 'columns' | 'isTTY'>>;

/** A reader that has gone is no error of ours: the first write after it throws `OutputClosed`. */
export function createOutput(stream: Out): OutputStream & { flush(): Promise<void> } {
  let failure: Error | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error.code === 'EPIPE' ? new OutputClosed() : error;
  });
  const write = (text: string) =>
    new Promise<void>((resolve, reject) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      stream.write(text, (error) => (error == null ? resolve() : reject(isClosed(error) ? new OutputClosed() : error)));
    });
  // Undefined for pipes and files, whatever the types say.
  const isTerminal = (stream as { isTTY?: boolean }).isTTY === true;
  return {
    write,
    isTerminal,
    // Read at each use: terminals are resized.
    get columns() {
      return isTerminal ? stream.columns : undefined;
    },
    flush: () => write('').catch(() => undefined),
  };
}

const isClosed = (error: Error) =>
  ['EPIPE', 'ERR_STREAM_DESTROYED'].includes((error as NodeJS.ErrnoException).code ?? '');

/** How the program is told to end. */
interface Interruption {
  readonly signal: AbortSignal;
  /** What a signal of the system does. */
  stop(): void;
}

/** Reading ends with the reason of the signal as soon as that is aborted. */
export function createInput(
  stream: Readable & Partial<Pick<ReadStream, 'isTTY'>>,
  prompts: NodeJS.WritableStream,
  { signal, stop }: Interruption,
): InputStream {
  return {
    isTerminal: (stream as { isTTY?: boolean }).isTTY === true,
    readAll: () => buffer(addAbortSignal(signal, stream)),
    chunks: () => stream,
    askHidden: (question) =>
      new Promise((resolve, reject) => {
        const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
        const lines = createInterface({ input: stream, output: silent, terminal: true });
        // Asked for now that the terminal gives each key: a key that is pressed sooner would be shown, or lost.
        prompts.write(question);
        const close = () => lines.close();
        signal.addEventListener('abort', close, { once: true });
        // While a line is read, the terminal gives Ctrl-C as a character and sends no signal.
        lines.once('SIGINT', stop);
        lines.once('line', (line) => {
          resolve(line);
          close();
        });
        // Ctrl-D: there is no line.
        lines.once('close', () => {
          signal.removeEventListener('abort', close);
          prompts.write('\n');
          if (signal.aborted) reject(signal.reason as Error);
          else resolve('');
        });
      }),
  };
}
