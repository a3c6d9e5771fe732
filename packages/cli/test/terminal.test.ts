import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createInput } from '../src/terminal.ts';

/** What is typed at a terminal that hands each key on as a character, as it does while a line is read. */
function keyboard() {
  const [keys, screen, interrupt] = [new PassThrough(), new PassThrough(), new AbortController()];
  let shown = '';
  screen.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const stop = () => interrupt.abort(new Error('interrupted'));
  const input = createInput(keys, screen, { signal: interrupt.signal, stop });
  return { input, stop, type: (text: string) => void keys.write(text), end: () => keys.end(), shown: () => shown };
}

it('a line that is typed is read, and nothing of it is shown where it is hidden', async () => {
  const { input, type, shown } = keyboard();
  const line = input.askHidden('Key: ');
  type('a secret\r');
  expect(await line).toBe('a secret');
  expect(shown()).toBe('Key: \n');
});

it('Ctrl-C ends the program while a line is read, and Ctrl-D gives no line', async () => {
  const first = keyboard();
  const line = first.input.askHidden('Key: ');
  first.type('a\u0003');
  await expect(line).rejects.toThrow('interrupted');
  const second = keyboard();
  const none = second.input.askHidden('Key: ');
  second.type('\u0004');
  expect(await none).toBe('');
});

it('a program that must end waits neither for a line nor for the end of stdin', async () => {
  for (const read of ['askHidden', 'readAll'] as const) {
    const { input, stop } = keyboard();
    const reading = read === 'readAll' ? input.readAll() : input.askHidden('Key: ');
    stop();
    await expect(reading, read).rejects.toThrow();
  }
  const { input, type, end } = keyboard();
  const all = input.readAll();
  type('all of it');
  end();
  expect(Buffer.from(await all).toString()).toBe('all of it');
});
