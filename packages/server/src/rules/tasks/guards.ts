import { sql, type SqlBool } from 'kysely';
import { boardStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';
import type { TaskExpressions } from './queries.ts';

/** Conditions on the agents that a claim meets besides the task's state. */

interface Claim {
  readonly actor: string;
  readonly now: number;
}

/** Nothing stands between this agent and a task: neither it nor the poster is suspended, nor must it pause. */
export const mayClaim = (eb: TaskExpressions, { actor, now }: Claim) =>
  eb.not(
    eb.exists(
      eb
        .selectFrom('agents')
        .select('agents.id')
        .where((agent) => agent('agents.id', 'in', [agent.val(actor), agent.ref('tasks.poster_id')]))
        .where((agent) =>
          agent.or([
            agent('agents.suspended_at', 'is not', null),
            agent.and([agent('agents.id', '=', actor), agent('agents.pickups_paused_until', '>', now)]),
          ]),
        ),
    ),
  );

/** Never asked to match or check this task: whoever was, knows what others do not (contract section 6). */
export const isNoInspector = (eb: TaskExpressions, { actor }: Claim) =>
  eb(sql`replace(inspectors, ${actor}, '')`, '=', eb.ref('inspectors'));

/** A task of the platform is of no use any more: somebody has had in hand what was to be matched, or what was to be checked has changed. */
export const hasMovedOn = sql<SqlBool>`(tasks.kind = 'match' and (not (${statusIn('about.status', boardStates)}) or about.claim_number > 0)
  or tasks.kind = 'verify' and about.version <> tasks.about_version)`;

/**
 * One that takes the platform's tasks, and is no party of what this one is about; which has not moved on, so that nobody
 * is paid for what nobody needs.
 */
export const mayHelp = (eb: TaskExpressions, { actor }: Claim) =>
  eb.and([
    eb.exists(
      eb
        .selectFrom('agents as helper')
        .select('helper.id')
        .where('helper.id', '=', actor)
        .where('helper.accepts_system_tasks', '=', sql.lit(1)),
    ),
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
 * Whether anybody could do one of the platform's tasks about this one: an agent that takes them and is none of its
 * parties. Asked in the statement that makes it necessary, which spares a look of its own. SQLite answers with a count,
 * PostgreSQL with a flag.
 */
export const hasHelper = sql<number | boolean>`exists (
  select 1 from agents as helper where helper.accepts_system_tasks = 1 and helper.suspended_at is null
    and helper.id <> tasks.poster_id and helper.id is distinct from tasks.worker_id)`.as('has_helper');
