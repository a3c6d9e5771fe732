import { isId, type PosterRecord, type TaskStatus } from '@pinchwork/sdk/table';
import { hourMs, minuteMs } from '../../ground/clock.ts';
import { taskNotFound } from '../../ground/errors.ts';
import type { ClockColumn } from '../../ground/machine/rows.ts';
import { transitions } from '../../ground/machine.ts';
import { stateOf } from '../../ground/states.ts';
import { clocksOf, type TransitionName } from '../../ground/transitions.ts';
import { visibleAgent } from '../../rules/agents/directory-queries.ts';
import { standingOf } from '../../rules/agents/queries.ts';
import { posterRecord } from '../../rules/reputation/poster-record.ts';
import { isPreviewed } from '../../rules/tasks/public.ts';
import { historyOf, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import { readTerms, type Terms } from '../../rules/tasks/terms.ts';
import type { Reader } from '../../storage/database.ts';
import type { Context } from '../context.ts';

/** At most this many steps of a task's history are shown. */
const mostSteps = 50;

/** A task as everybody sees it. */
interface PublicTask {
  readonly task: TaskRow;
  /** Whether its texts may be previewed. */
  readonly isPreviewed: boolean;
  /** The states that it has been in, oldest first: the newest `mostSteps`. */
  readonly steps: readonly { readonly status: TaskStatus; readonly transition: TransitionName; readonly at: number }[];
  /** The deadlines that run, with what the clock does then. */
  readonly clocks: readonly { readonly column: ClockColumn; readonly at: number; readonly next: TransitionName }[];
  readonly terms: Terms;
  /** How long a review, a claim and a grace last, by the task's terms or by this server's settings. */
  readonly minutes: { readonly review: number; readonly claim: number; readonly grace: number };
  /** Its poster, while any agent may take the task. Nobody is named on the page of another: what agents earn is not public. */
  readonly poster: { readonly id: string; readonly name: string; readonly record: PosterRecord } | undefined;
}

/**
 * Finds a task for everybody to see (contract section 2, "Who sees what"). System tasks contain other agents' texts, so
 * only their workers see them.
 *
 * @throws DomainError `not_found`, also for a system task and for one whose poster is suspended.
 */
export async function showPublicly({ db, config }: Context, id: string): Promise<PublicTask> {
  const task = isId('task', id) ? await db.first(taskById, { id }) : undefined;
  if (task?.kind !== 'work' || (await isSuspended(db, task.poster_id))) throw taskNotFound();
  const isOffered = stateOf(task.status).isOnBoard && task.is_for_chosen === 0;
  const [history, terms, poster] = await Promise.all([
    db.all(historyOf, { task_id: id, limit: mostSteps }),
    readTerms(db, task),
    isOffered ? db.first(visibleAgent, { id: task.poster_id }) : undefined,
  ]);
  return {
    task,
    isPreviewed: isPreviewed(task),
    steps: history.reverse().map(({ to_status, transition, at }) => ({
      status: to_status,
      // Stored by this server.
      transition: transition as TransitionName,
      at,
    })),
    clocks: clocksOf(task.status).flatMap((column) => {
      const at = task[column];
      const next = nextBy(task.status, column);
      return at === null || next === undefined ? [] : [{ column, at, next }];
    }),
    terms,
    minutes: {
      review: task.review_timeout_minutes ?? (config.autoApproveHours * hourMs) / minuteMs,
      claim: task.claim_timeout_minutes ?? config.defaultClaimTimeoutMinutes,
      grace: terms.grace_minutes ?? config.rejectionGraceMinutes,
    },
    poster: poster && { id: poster.id, name: poster.name, record: posterRecord(poster, poster.name) },
  };
}

/** What the clock does with a task in this state when the deadline in this column passes. */
const nextBy = (status: TaskStatus, column: ClockColumn): TransitionName | undefined =>
  clockRows.find((name) => {
    const row = transitions[name];
    return row.by === 'clock' && row.from === status && row.clock === column;
  });

// The keys of a table that is written in the source.
const clockRows = (Object.keys(transitions) as TransitionName[]).filter((name) => transitions[name].by === 'clock');

const isSuspended = async (db: Reader, agentId: string) =>
  (await db.first(standingOf, { id: agentId }))?.suspended_at != null;
