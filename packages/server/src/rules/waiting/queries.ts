import { sql } from 'kysely';
import { boardStates, workerStates } from '../../ground/states.ts';
import type { TransitionName } from '../../ground/transitions.ts';
import { prepared, preparedSql } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';
import { isActive } from '../agents/queries.ts';
import { isForChosen, isForEverybody } from '../board/fragments.ts';
import { kindOrder } from '../platform-tasks/queries.ts';

/** A task that agents may pick up, with what decides which of those that wait gets it. */
export interface Arrived {
  readonly id: string;
  readonly kind: string;
  readonly poster_id: string;
  readonly tags: string;
  readonly created_at: number;
  readonly claim_number: number;
  readonly matching_id: string | null;
  readonly match_count: number;
  readonly held_until: number | null;
  /** 1: only the agents that its poster has chosen may have it. */
  readonly is_for_chosen: number;
  /** For a system task: the poster and the worker of the task that it is about, or the agent. */
  readonly about_id: string | null;
  readonly about_poster: string | null;
  readonly about_worker: string | null;
  /** The agent that was drawn to judge a dispute, if the task is about that. */
  readonly judge_id: string | null;
}

const arrivedColumns = sql`t.id, t.kind, t.poster_id, t.tags, t.created_at, t.claim_number, t.matching_id, t.match_count,
  t.held_until, t.is_for_chosen, t.about_id,
  (select a.poster_id from tasks a where a.id = t.about_id) as about_poster,
  (select a.worker_id from tasks a where a.id = t.about_id) as about_worker,
  (select s.judge_id from dispute_seats s where s.task_id = t.id) as judge_id`;

const isOpen = (now: number) => sql`${statusIn('t.status', boardStates)} and t.due_at > ${now}
  and (t.kind <> 'work' or ${isActive(sql.ref('t.poster_id'))})`;

/** The tasks of a JSON list of ids that are on the board. */
export const arrivedTasks = preparedSql<{ tasks: string; now: number }, Arrived>(
  'arrivedTasks',
  (p, engine) =>
    sql`select ${arrivedColumns} from tasks t where ${engine.isListed('t.id', p.tasks)} and ${isOpen(p.now)}`,
);

/** The newest tasks on the board that were posted after `since`. Finds those whose signal was lost. */
export const newestPosted = preparedSql<{ since: number; limit: number }, { id: string }>(
  'newestPosted',
  (p) => sql`select id from (
      select id from tasks where ${isForEverybody} and created_at > ${p.since}
      order by created_at desc limit ${p.limit}) as own
    union all select id from (
      select id from tasks where ${isForChosen} and created_at > ${p.since}
      order by created_at desc limit ${p.limit}) as offered
    union all ${sql.join(
      kindOrder.map(
        (kind) => sql`select id from (
          select id from tasks where ${statusIn('status', boardStates)} and kind <> 'work' and kind = ${sql.lit(kind)}
            and created_at > ${p.since} order by created_at desc limit ${p.limit}) as ${sql.ref(kind)}`,
      ),
      sql` union all `,
    )}`,
);

/** The agents that were matched to a task on the board, or that its poster has chosen, and whether they have a head start. */
export const ranksOf = prepared('ranksOf', (db, p: { task_id: string }) =>
  db
    .selectFrom('matches')
    .select(['agent_id', 'rank', 'has_head_start'])
    .where('task_id', '=', p.task_id)
    .where('on_board', '=', sql.lit(1))
    .where('left_at', 'is', null),
);

export const textsOfTask = prepared('textsOfTask', (db, p: { id: string }) =>
  db.selectFrom('tasks').select(['need', 'context']).where('id', '=', p.id),
);

/** When each of the tasks named by id can be given out, if its matching is still pending and is waited for. */
export const awaitingMatching = preparedSql<{ tasks: string; since: number }, { id: string; created_at: number }>(
  'awaitingMatching',
  (p, engine) => sql`select t.id, t.created_at from tasks t
    where ${engine.isListed('t.id', p.tasks)} and t.matching_id is not null and t.claim_number = 0
      and t.created_at > ${p.since}`,
);

/** The newest tasks of each state of an agent that are looked at for its last claim. */
const mostLookedAt = 10;

const claimNames: readonly TransitionName[] = ['claim', 'claimSystem'];
const claims = sql.join(claimNames.map((name) => sql.lit(name)));

interface WaitingAgentRow {
  readonly accepts_system_tasks: number;
  readonly is_named_helper: number;
  readonly created_at: number;
  readonly claimed_at: number | null;
  readonly gave_up_at: number | null;
}

/** The newest tasks of an agent in each state in which a task has a worker. */
const newestOf = (agent: string) =>
  sql.join(
    workerStates.map(
      (status) => sql`select id from (select id from tasks where worker_id = ${agent} and status = ${sql.lit(status)}
        order by created_at desc, id desc limit ${sql.lit(mostLookedAt)}) as ${sql.ref(status)}`,
    ),
    sql` union all `,
  );

/**
 * An agent that begins to wait. Its last claim is derived, because a column for it would be one more write with each
 * claim: the latest claim among its newest tasks, and the end of the last claim that it gave up or lost.
 */
export const waitingAgent = preparedSql<{ id: string }, WaitingAgentRow>(
  'waitingAgent',
  // A scalar subquery: for a join, PostgreSQL may read all transitions.
  (p) => sql`select w.accepts_system_tasks, w.is_named_helper, w.created_at, w.gave_up_at,
      (select max((select max(h.at) from task_transitions h
          where h.task_id = t.id and h.worker_id = ${p.id} and h.transition in (${claims})))
        from (${newestOf(p.id)}) as t) as claimed_at
    from agents w where w.id = ${p.id}`,
  { bounded: 'the histories of the newest tasks of one agent' },
);
