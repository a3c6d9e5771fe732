import { afterAll, afterEach, expect } from 'vitest';
import { expectNoDeadlocks } from './deadlocks.ts';
import { closeAllKept } from './kept-databases.ts';
import { lockOrderFaults } from './lock-order.ts';

// Vitest ends its workers by signal. What they leave behind (folders, servers) is cleared away on `exit`, which a signal
// alone does not bring about.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit());

afterEach(() => {
  expect(lockOrderFaults.splice(0)).toEqual([]);
});

// It runs after the file's own hooks, which close its servers.
afterAll(async () => {
  await closeAllKept();
  await expectNoDeadlocks();
});
