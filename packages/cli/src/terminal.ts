import { createInterface } from 'node:readline/promises';
import { buffer } from 'node:stream/consumers';
import type { ReadStream, WriteStream } from 'node:tty';
import { Writable } from 'node:stream';
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

export function createInput(
  stream: NodeJS.ReadStream & Partial<ReadStream>,
  prompts: NodeJS.WritableStream,
): InputStream {
  return {
    isTerminal: (stream as { isTTY?: boolean }).isTTY === true,
    readAll: () => buffer(stream),
    chunks: () => stream,
    readLine: async (isHidden) => {
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: stream, output: isHidden ? silent : prompts, terminal: true });
      try {
        return await lines.question('');
      } finally {
        lines.close();
        if (isHidden) prompts.write('\n');
      }
    },
  };
}
