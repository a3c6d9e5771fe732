import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '@pinchwork/sdk/table';
import { expect, it, vi } from 'vitest';
import { execute, type Job } from '../../src/programs/work/execute.ts';
import { longestResult } from '../../src/programs/work/longest.ts';
import { realClock } from '../support/clock.ts';
import { temporaryFolder } from '../../../server/test/support/temporary-folder.ts';

const lines: string[] = [];

const run = (line: string, job: Partial<Job> = {}, clock = realClock) => {
  lines.splice(0);
  const env = { PATH: process.env.PATH ?? '' };
  const rest = { longest: 10, timeoutMs: undefined, signal: new AbortController().signal };
  return execute(
    { line, cwd: tmpdir(), env, input: 'the task', onLine: (each) => lines.push(each), ...rest, ...job },
    clock,
  );
};

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    // A zombie whose parent has not asked for it yet.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

it.each([
  ['cat', { type: 'done', text: 'the task' }],
  ['printf "one\\ntwo\\n\\n"', { type: 'done', text: 'one\ntwo\n' }],
  // It does not read its input.
  ['printf done', { type: 'done', text: 'done' }],
  ['printf %s 0123456789', { type: 'done', text: '0123456789' }],
  ['printf %s 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂', { type: 'done', text: '🙂'.repeat(10) }],
  ['printf %s 01234567890', { type: 'too long' }],
  ['exit 3', { type: 'failed', reason: 'ended with exit code 3' }],
  ['echo one >&2; echo two >&2; exit 3', { type: 'failed', reason: 'ended with exit code 3: two' }],
  ['no-such-program-at-all', { type: 'failed', reason: expect.stringContaining('exit code 127') }],
  ['kill -9 $$', { type: 'failed', reason: 'was killed by SIGKILL' }],
  ['echo " "', { type: 'failed', reason: 'printed nothing' }],
  ["printf '\\377'", { type: 'failed', reason: 'printed something that is not text in UTF-8' }],
])('what came of %j is known', async (line, outcome) => {
  expect(await run(line)).toEqual(outcome);
});

it('a command that cannot be run says so', async () => {
  const reason = expect.stringContaining('could not be run');
  expect(await run('true', { cwd: join(tmpdir(), 'pinchwork-no-such-folder') })).toEqual({ type: 'failed', reason });
});

it('a command that prints without an end is ended soon, and its output is not kept', async () => {
  expect(await run('yes')).toEqual({ type: 'too long' });
});

it('the longest result is that of the server', () => {
  expect(longestResult).toBe(limits.resultLength);
});

it('what a command says on stderr is told line by line', async () => {
  await run('printf "one\\n\\ntwo" >&2');
  expect(lines).toEqual(['one', 'two']);
});

it('a command that hangs is ended at its time with all that it has started', async () => {
  const pidFile = join(temporaryFolder('execute'), 'pid');
  let wake: () => void = () => undefined;
  const timeoutMs = 300_000;
  // The time comes when the test says so.
  const clock = {
    ...realClock,
    after: (delayMs: number, then: () => void) => {
      if (delayMs !== timeoutMs) return realClock.after(delayMs, then);
      wake = then;
      return () => undefined;
    },
  };
  const ended = run(`sleep 1000 & echo $! > ${pidFile}; wait`, { timeoutMs }, clock);
  const pid = () => Number(readFileSync(pidFile, 'utf8'));
  await vi.waitFor(() => expect(pid()).toBeGreaterThan(0), { timeout: 120_000 });
  wake();
  expect(await ended).toEqual({ type: 'failed', reason: 'took longer than 300 s and was ended' });
  await vi.waitFor(() => expect(isAlive(pid())).toBe(false), { timeout: 120_000 });
});

it('a command that must end is ended, also before it has begun', async () => {
  expect(await run('sleep 1000', { signal: AbortSignal.abort() })).toEqual({ type: 'failed', reason: 'was ended' });
  const end = new AbortController();
  const file = join(temporaryFolder('execute'), 'begun');
  const ended = run(`touch ${file}; sleep 1000`, { signal: end.signal });
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 120_000 });
  end.abort();
  expect(await ended).toEqual({ type: 'failed', reason: 'was ended' });
});

it('a command has ended when it has, whatever it leaves behind with its output', async () => {
  const soon = { ...realClock, after: (_: number, wake: () => void) => realClock.after(0, wake) };
  expect(await run('sleep 1000 & printf done', {}, soon)).toEqual({ type: 'done', text: 'done' });
});
