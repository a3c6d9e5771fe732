import { type Params, prepared } from '../storage/prepared.ts';
import { standingChecks } from './agent-checks.ts';
import { type Check, type Finding, report } from './check.ts';
import { disputeChecks } from './dispute-checks.ts';
import { historyChecks } from './history-checks.ts';
import { creditChecks } from './ledger-checks.ts';
import { systemChecks } from './system-checks.ts';
import { talkChecks } from './talk-checks.ts';
import { termsChecks } from './terms-checks.ts';
import { webhookChecks } from './webhook-checks.ts';
import { sql } from 'kysely';

/** All checks by subject, and how the tables are split into ranges. */

/** Checks over ranges of tasks. */
export const taskChecks: readonly Check[] = [
  ...creditChecks,
  ...historyChecks,
  ...termsChecks,
  ...talkChecks,
  ...systemChecks,
  ...disputeChecks,
];

/** Checks over ranges of agents. */
export const agentChecks: readonly Check[] = [...standingChecks, ...webhookChecks];

interface Reach extends Params {
  after: string;
  size: number;
}

/** The id `size` rows after `after`, where a range ends. No row: the range is the last one. */
const boundary = (table: 'agents' | 'tasks' | 'accounts') =>
  prepared(`boundary of ${table}`, (db, p: Reach) =>
    db.selectFrom(table).select('id').where('id', '>', p.after).orderBy('id').limit(1).offset(p.size),
  );

export const boundaries = {
  agents: boundary('agents'),
  tasks: boundary('tasks'),
  accounts: boundary('accounts'),
  transfers: prepared('boundary of transfers', (db, p: Reach) =>
    db
      .selectFrom('ledger_entries')
      .select('transfer_id as id')
      .where('transfer_id', '>', p.after)
      .orderBy('transfer_id')
      .limit(1)
      .offset(p.size),
  ),
};

/** Tasks on which the clock should have acted before `before`. */
export const overdue = report<{ before: number; limit: number }, Finding>(
  'overdue',
  ({ before, limit }) => sql`
    select t.id as subject,
      coalesce('set aside after ' || s.attempts || ' attempts: ' || s.error, t.status || ', no transition was made') as detail
    from tasks t left join stuck_timers s on s.task_id = t.id
    where t.due_at < ${before} order by t.due_at limit ${limit}`,
);

/** The oldest tasks with events that the matched agents should have been told before `before`. */
export const untold = report<{ before: number; limit: number }, Finding>(
  'untold',
  ({ before, limit }) => sql`
    select o.task_id as subject, o.type || ': the matched agents have not been told' as detail
    from (select task_id, type, created_at from outbox order by id limit ${limit}) as o
    where o.created_at < ${before}`,
);
