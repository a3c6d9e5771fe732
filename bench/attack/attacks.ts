import { acceptances } from './acceptances.ts';
import { accounts } from './accounts.ts';
import type { Attack } from './attack.ts';
import { doors } from './doors.ts';
import { workers } from './workers.ts';
import { inbound } from './inbound.ts';
import { outbound } from './outbound.ts';
import { writers } from './writers.ts';

/** All attacks that are measured, a file for each kind. */
export const attacks: readonly Attack[] = [
  ...inbound,
  ...outbound,
  ...accounts,
  ...writers,
  ...workers,
  ...acceptances,
  ...doors,
];
