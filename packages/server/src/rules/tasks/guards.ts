import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { boardStates } from '../../ground/states.ts';
import { preparedSql } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';
import { hasRoom, type HelpParams, isActiveHelper, isHelperRow } from '../agents/helpers.ts';
import { isActive } from '../agents/queries.ts';
import type { TaskExpressions } from './queries.ts';

/** Conditions of a claim on agents, in addition to the task's state. */

interface Claim {
  readonly actor: string;
  readonly now: number;
}

/** Neither the agent nor the poster is suspended, and the agent is not in its cooldown. */
export const mayClaim = (eb: TaskExpressions, { actor, now }: Claim) =>
  eb.and([
    isActive(eb.ref('tasks.poster_id')),
    isActive(eb.val(actor)),
    eb.not(
      eb.exists(
        eb
          .selectFrom('agents')
          .select('agents.id')
          .where('agents.id', '=', actor)
          .where('agents.pickups_paused_until', '>', now),
      ),
    ),
  ]);

/**
 * The agent never had a system task about this task, which would give it an advantage (contract section 6), and its
 * poster has not excluded it.
 */
export const isNotBarred = (eb: TaskExpressions, { actor }: Pick<Claim, 'actor'>) =>
  eb(sql`replace(barred, ${actor}, '')`, '=', eb.ref('barred'));

/**
 * The value of `barred` with one more agent; `isNotBarred` asks for it. It is a column of the task's own row, so that the
 * guard of a claim that has waited for this change sees it.
 */
export const barredWith = (agent: RawBuilder<unknown>) =>
  sql<string>`case when replace(barred, ${agent}, '') = barred then barred || ${agent} || ' ' else barred end`;

/** The judge that a system task waits for. */
const awaitedJudge = (taskId: RawBuilder<unknown>) =>
  sql<{ judge_id: string }>`select s.judge_id from dispute_seats s join disputes d on d.id = s.dispute_id
  where s.task_id = ${taskId} and s.status = 'open' and d.status = 'open'`;

const openSeat = awaitedJudge(sql`tasks.id`);

/** The judge that a system task waits for; no row if its seat was drawn again, or its dispute is over. */
export const judgeOf = preparedSql<{ id: string }, { judge_id: string }>('judgeOf', (p) => awaitedJudge(sql`${p.id}`));

/** The agent has the seat that the system task is about (contract section 3a): it was drawn, and is awaited. */
export const isSeated = (actor: string) => sql<SqlBool>`(${openSeat}) = ${actor}`;

/**
 * A system task is no longer useful: the task to match has been claimed or has left the board, or the delivery to
 * verify has changed; the dispute to judge is over, or the seat was drawn again.
 */
export const hasMovedOn = sql<SqlBool>`(tasks.kind = 'match' and (not (${statusIn('about.status', boardStates)}) or about.claim_number > 0)
  or tasks.kind = 'verify' and about.version <> tasks.about_version
  or tasks.kind = 'judge' and (${openSeat}) is null)`;

/**
 * The agent may claim a system task: it accepts system tasks and is no party of what the task is about. The system task
 * must still be useful, so that nobody is paid for an answer that is not needed.
 */
export const mayHelp = (eb: TaskExpressions, { actor, p }: { actor: string; p: HelpParams }) =>
  eb.and([
    eb.exists(
      eb
        .selectFrom('agents as helper')
        .select('helper.id')
        .where('helper.id', '=', actor)
        .where(isHelperRow('helper', p.least_named)),
    ),
    sql<SqlBool>`(select 1 from system_tasks_posted s where s.task_id = tasks.id and not (${hasRoom(
      { helper: sql`${actor}`, cause: sql`s.poster_id`, price: sql`s.credits` },
      p,
    )})) is null`,
    eb('about_id', '<>', actor),
    eb.not(
      eb.exists(
        eb
          .selectFrom('tasks as about')
          .select('about.id')
          .whereRef('about.id', '=', 'tasks.about_id')
          .where((about) =>
            about.or([about('about.poster_id', '=', actor), about('about.worker_id', '=', actor), hasMovedOn]),
          ),
      ),
    ),
  ]);

/**
 * Whether an infra agent that is no party of this task could do a system task about it. It is a column of the statement
 * that may need a system task, which saves a query. SQLite returns 0 or 1, PostgreSQL a boolean.
 *
 * @param leastNamed `leastNamed` of the setting (`rules/agents/helpers.ts`).
 */
export const hasHelper = (leastNamed: number) =>
  sql<number | boolean>`exists (
  select 1 from agents as helper where ${isActiveHelper('helper', leastNamed)}
    and helper.id <> tasks.poster_id and helper.id is distinct from tasks.worker_id)`.as('has_helper');
