import type { Fault } from './fault.ts';
import { a2aFaults } from './faults/a2a.ts';
import { chosenFaults } from './faults/chosen.ts';
import { cliFaults } from './faults/cli.ts';
import { creditFaults } from './faults/credits.ts';
import { disputeFaults } from './faults/disputes.ts';
import { guideFaults } from './faults/guide.ts';
import { lifecycleFaults } from './faults/lifecycle.ts';
import { lockFaults } from './faults/locks.ts';
import { mcpFaults } from './faults/mcp.ts';
import { programFaults } from './faults/programs.ts';
import { readingFaults } from './faults/reading.ts';
import { acceptanceFaults } from './faults/acceptance.ts';
import { shareFaults } from './faults/shares.ts';
import { tellingFaults } from './faults/telling.ts';

/** Every fault that `npm run test:mutate` inserts. */
export const faults: readonly Fault[] = [
  ...lifecycleFaults,
  ...creditFaults,
  ...acceptanceFaults,
  ...shareFaults,
  ...tellingFaults,
  ...readingFaults,
  ...lockFaults,
  ...chosenFaults,
  ...disputeFaults,
  ...programFaults,
  ...guideFaults,
  ...cliFaults,
  ...mcpFaults,
  ...a2aFaults,
];
