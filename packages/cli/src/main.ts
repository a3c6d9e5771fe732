import { homedir } from 'node:os';
import { createInput, createOutput } from './terminal.ts';
import { run } from './run.ts';

/** The program: gives `run` the process that it is in. */

const interrupt = new AbortController();
const second = new AbortController();
let [signals, endsItself] = [0, false];
const stop = () => {
  signals++;
  if (signals === 1) interrupt.abort();
  // A second Ctrl-C ends at once what does not end by itself.
  else if (signals === 2 && endsItself) second.abort();
  else process.exit(130);
};
// SIGHUP: the terminal was closed.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);

async function main(): Promise<void> {
  const stdout = createOutput(process.stdout);
  const stderr = createOutput(process.stderr);
  process.exitCode = await run(process.argv.slice(2), {
    stdin: createInput(process.stdin, process.stderr, { signal: interrupt.signal, stop }),
    stdout,
    stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    clock: {
      now: () => Date.now(),
      after: (delayMs, wake) => {
        // A longer delay would end at once.
        const timer = setTimeout(wake, Math.min(delayMs, 2 ** 31 - 1));
        return () => clearTimeout(timer);
      },
    },
    signal: interrupt.signal,
    secondSignal: () => {
      endsItself = true;
      return second.signal;
    },
  });
  // What is still open (idle connections, a stdin that nobody closes) must not keep the program.
  await Promise.all([stdout.flush(), stderr.flush()]);
  process.exit();
}

void main();
