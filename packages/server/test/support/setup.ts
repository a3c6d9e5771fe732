import { afterAll, afterEach, expect } from 'vitest';
import { expectNoDeadlocks } from './deadlocks.ts';
import './exit.ts';
import { closeAllKept } from './kept-databases.ts';
import { lockOrderFaults } from './lock-order.ts';
import { closeAllSides } from './side-sessions.ts';

afterEach(() => {
  expect(lockOrderFaults.splice(0)).toEqual([]);
});

// It runs after the file's own hooks, which close its servers.
afterAll(async () => {
  await closeAllKept();
  await closeAllSides();
  await expectNoDeadlocks();
});
