import { readdirSync, readFileSync } from 'node:fs';
import { taskProgress, taskStatuses, type TaskStatus } from '@pinchwork/sdk/table';
import { describe, expect, it } from 'vitest';
import type { Transition } from '../../src/ground/machine/rows.ts';
import { states, transitions } from '../../src/ground/machine.ts';
import { allStates, isEnded, stateOf } from '../../src/ground/states.ts';
import { clocksOf } from '../../src/ground/transitions.ts';

const rows = Object.entries<Transition>(transitions).map(([name, row]) => ({ name, ...row }));
const leaving = (status: TaskStatus) => rows.filter(({ from }) => from === status);

describe('the two tables of the state machine agree', () => {
  it('has a row for each state of the contract, in its order', () => {
    expect(allStates).toEqual(taskStatuses);
  });

  it.each(allStates)('the sdk knows of %s whether it has ended, or shows a delivery to review', (status) => {
    const progress = isEnded(status) ? 'ended' : stateOf(status).showsDelivery ? 'to review' : 'under way';
    expect(taskProgress[status]).toBe(progress);
  });

  it.each(allStates)('%s has an outgoing transition if and only if it is open', (status) => {
    expect(leaving(status).length > 0).toBe(!isEnded(status));
  });

  it.each(allStates.filter((status) => !isEnded(status)))('the clock can end %s', (status) => {
    expect(clocksOf(status)).not.toEqual([]);
    expect(states[status].timeIsUp).not.toBeNull();
  });

  it.each(allStates)('%s can be reached from a new task', (status) => {
    const reached = new Set<TaskStatus | null>([null]);
    for (let before = 0; before !== reached.size;) {
      before = reached.size;
      for (const { from, to } of rows) if (reached.has(from)) reached.add(to);
    }
    expect(reached).toContain(status);
  });

  it("each transition of an agent's task moves the credits to where its next state says they are", () => {
    const moves = { escrow: 'hold', paid: 'settle', returned: 'void' } as const;
    for (const { name, kinds = ['work'], from, to, credits } of rows) {
      if (!kinds.includes('work')) continue;
      const before = from === null ? undefined : states[from].credits;
      const after = states[to].credits;
      expect([name, credits]).toEqual([name, before === after ? undefined : moves[after]]);
    }
  });

  it('shows a delivery only in states with a worker, and allows no talk or pickup in ended states', () => {
    for (const status of allStates) {
      const { credits, hasWorker, isOnBoard, showsDelivery, talk } = stateOf(status);
      if (showsDelivery) expect(hasWorker).toBe(true);
      if (talk === 'messages') expect(hasWorker).toBe(true);
      if (isOnBoard) expect([hasWorker, showsDelivery]).toEqual([false, false]);
      if (credits !== 'escrow') expect([isOnBoard, talk]).toEqual([false, 'none']);
      expect(hasWorker && credits === 'returned').toBe(false);
    }
  });
});

/** Files in which `delivered` is the state of a webhook delivery, or of a push. */
const deliveries = /^(rules\/(webhooks|pushes)\/|metrics\/|storage\/migrations\/0001_tables\/events\.ts$)/;

it('only the state machine names states', () => {
  const source = new URL('../../src/', import.meta.url);
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const found = files
    .filter((file) => !file.startsWith('ground/machine/'))
    .flatMap((file) => {
      const known = allStates.filter((status) => !(status === 'delivered' && deliveries.test(file)));
      const literal = new RegExp(`(['"\`])(?:${known.join('|')})\\1|Record<TaskStatus|in TaskStatus\\]`);
      return readFileSync(new URL(file, source), 'utf8')
        .split('\n')
        .flatMap((line, i) => (literal.test(line) ? [`${file}:${i + 1} ${line.trim()}`] : []));
    });
  expect(files.length).toBeGreaterThan(100);
  expect(found).toEqual([]);
});
