import { faultsAt } from '../fault.ts';

const worker = 'sdk/test/worker.test';
const memory = 'sdk/test/worker-memory';
const work = 'cli/test/programs/work.test';
const execute = 'cli/test/programs/execute';
const listen = 'cli/test/programs/listen';

/** Faults of the client, of its worker, and of the programs over it. */
export const programFaults = [
  ...faultsAt('packages/sdk/src/client/build.ts', 'sdk/test/transport', [
    ['a write has no key that makes its repetition harmless', 'row.repeats ? {', 'row.isStream ? {'],
  ]),
  ...faultsAt('packages/sdk/src/client/events.ts', 'sdk/test/events', [
    ['a stream begins again where it began', 'if (source.hasPositions) position = event.id;', ''],
  ]),
  ...faultsAt('packages/sdk/src/worker/memory.ts', memory, [
    ['a pickup is not noted before it is sent', '    await this.save();\n', ''],
    [
      'memories are written at the same time',
      'const saving = this.#last.then(async () => {',
      'const saving = Promise.resolve().then(async () => {',
    ],
    ['an approval is not added to those of earlier runs', 'memory?.approved ?? 0', '0'],
  ]),
  ...faultsAt('packages/sdk/src/worker/worker.ts', memory, [
    [
      'a worker forgets the pickup whose answer is lost',
      'lost === null ? await this.#next(',
      'lost !== undefined ? await this.#next(',
    ],
    [
      'a claim of somebody else is gone on with',
      'if (task?.claim_number !== known.claim_number)',
      'if (task === undefined)',
    ],
    [
      'an approval that came while the worker was away is not counted',
      "else if (task.status === 'approved') this.#approved(",
      "else if (task.status === 'approved' && known.done < 0) this.#approved(",
    ],
    [
      'a task that was given back is remembered',
      "ending.type === 'abandoned' && !ending.isHeld",
      "ending.type === 'abandoned' && ending.isHeld",
      'sdk/test/worker.long',
    ],
    [
      'a worker that is stopped lets its tasks be finished',
      '      this.#stopClaims(stopSignal?.reason);\n',
      '',
      worker,
    ],
    [
      'what is given back after the last rejection is not told',
      '      this.#ended(await new Claim(',
      '      void (await new Claim(',
      worker,
    ],
  ]),
  ...faultsAt('packages/cli/src/programs/work/input.ts', work, [
    ['the keys of the agent reach the command', '!/^pinchwork_/i.test(entry[0])', "entry[0] !== ''"],
    ['a variable that is cut does not say so', 'if (fitting.length < value.length) cut.push(name);', ''],
    ['a text is cut within a character', '=== 0b1000_0000) end--;', '=== 0b1000_0001) end--;'],
  ]),
  ...faultsAt('packages/cli/src/programs/work/execute.ts', execute, [
    ['a command that hangs hangs for ever', '    timeoutMs === undefined\n', '    timeoutMs !== null\n'],
    ['the children of a command outlive it', 'else process.kill(-pid, name);', 'else process.kill(pid, name);'],
    [
      'a long output is cut in silence',
      "return out.isTooLong(text) ? { type: 'too long' } : { type: 'done', text };",
      "return { type: 'done', text };",
    ],
    ['an output that is no text is delivered', 'fatal: true', 'fatal: false'],
    ['what a command leaves behind holds its task up', "child.once('exit', () => ending.leader());", ''],
  ]),
  ...faultsAt('packages/cli/src/programs/work/work.ts', work, [
    ['a worker knows nothing of earlier runs', '      memory,\n      signal: end', '      signal: end'],
    ['a profile has two workers', 'key: `work ${name}`', 'key: `work ${name} ${Math.random()}`'],
    ['a second Ctrl-C waits like the first', 'stopSignal: context.secondSignal?.()', 'stopSignal: undefined'],
    [
      'a result that is too long is given back at once',
      "outcome.type === 'failed' || attempt >= retries",
      "outcome.type !== 'failed' || attempt >= retries",
    ],
  ]),
  ...faultsAt('packages/cli/src/programs/listen.ts', listen, [
    ['an event that is not taken is skipped', 'if (problem === undefined) return true;', 'return true;'],
    ['the position of a listener is not kept', '      await keep({ position, ...kept });\n      if', '      if'],
    ['another secret is made in each run', 'before?.secret ?? `whsec_', '`whsec_'],
    [
      'an attempt is given up with the first Ctrl-C',
      'const hurry = () => (cancelLast = clock.after(lastMs, () => limit.abort()));',
      'const hurry = () => limit.abort();',
    ],
  ]),
  ...faultsAt('packages/cli/src/completion/live.ts', 'cli/test/completion', [
    ['a shell is offered what it would run', 'harmless.test(value)', "value !== ''"],
  ]),
];
