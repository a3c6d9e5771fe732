import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LogOutput } from '../../src/ground/log-output.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A pipe with both ends open, as a supervisor makes it. It blocks when it is full and nobody reads it. */
function pipe(): { input: number; read: () => string } {
  const path = join(temporaryFolder('log'), 'pipe');
  execFileSync('mkfifo', [path]);
  const output = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const input = openSync(path, 'w');
  onTestFinished(() => [input, output].forEach((fd) => closeSync(fd)));
  const buffer = Buffer.alloc(megabyte);
  return {
    input,
    read: () => {
      try {
        return buffer.toString('utf8', 0, readSync(output, buffer));
      } catch {
        return '';
      }
    },
  };
}

const megabyte = 1024 * 1024;
/** The most bytes that Linux keeps in a pipe for a user without privileges. Most pipes hold 64 KiB. */
const largestPipe = megabyte;

const line = (i: number) => `${String(i).padStart(99)}\n`;
const turn = () => new Promise(setImmediate);

it('a pipe without a reader does not block; lines beyond a megabyte are dropped, counted, and reported when it is read again', async () => {
  const { input, read } = pipe();
  const told: number[] = [];
  const output = new LogOutput(input, (dropped) => told.push(dropped));
  const written = 50_000;
  for (let i = 0; i < written; i++) {
    output.write(line(i));
    if (i % 1_000 === 0) await turn();
  }
  // A megabyte waits. What the output took before it is in the pipe, or in a write that waits for room in it: that has
  // what was waiting when it began, a line or a megabyte.
  const kept = (written - output.dropped) * line(0).length;
  expect(kept).toBeGreaterThan(megabyte - line(0).length);
  expect(kept).toBeLessThanOrEqual(2 * megabyte + largestPipe);

  let text = '';
  while (told.length === 0) {
    text += read();
    await turn();
  }
  text += read();
  expect(told).toEqual([output.dropped]);
  const lines = text.split('\n').slice(0, -1);
  expect(lines).toHaveLength(written - output.dropped);
  expect(lines.map(Number)).toEqual(lines.map((_, i) => i));
  await output.close();
});

it('the last write is tried once: a full pipe does not delay the end', async () => {
  const { input, read } = pipe();
  const output = new LogOutput(input, () => undefined);
  for (let i = 0; i < 5_000; i++) output.write(line(i));
  await turn();
  await output.close();
  expect(read().length).toBeGreaterThan(0);
});

it('a file gets all lines in order, also the last ones before the end', async () => {
  const path = join(temporaryFolder('log'), 'log');
  const output = new LogOutput(openSync(path, 'w'), () => undefined);
  for (let i = 0; i < 1_000; i++) {
    output.write(line(i));
    await turn();
  }
  output.flush();
  while (readFileSync(path, 'utf8').length < 100 * 1_000) await turn();
  output.write(line(1_000));
  await output.close();
  expect(readFileSync(path, 'utf8').split('\n').slice(0, -1).map(Number)).toEqual([...Array(1_001).keys()]);
});
