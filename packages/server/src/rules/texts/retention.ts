import { sql } from 'kysely';
import { hourMs, minuteMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import { isEnded } from '../../ground/states.ts';
import type { Ground } from '../../storage/ground.ts';
import { insertion, prepared } from '../../storage/prepared.ts';
import { removeTexts } from './remove.ts';
import { forgetReplies } from './replies.ts';

const dayMs = 24 * hourMs;
/** How soon a task with an open report is looked at again. */
const reportedMs = minuteMs;
/** How long replies are stored with their idempotency keys. */
const repliesMs = dayMs;
/** Tasks that one step enters, and tasks whose texts one step looks at. */
const enteredAtOnce = 200;
const lookedAtOnce = 20;

/** The row of `meta` with the id up to which tasks have been entered. Ids sort by time. */
const reachedKey = 'text_retention_reached';

const reached = prepared('textRetentionReached', (db, _: Record<string, never>) =>
  db.selectFrom('meta').select('value').where('key', '=', sql.lit(reachedKey)),
);

/** Moves on from `from`, unless another server has done so. */
const moveOn = prepared('moveTextRetention', (db, p: { from: string; to: string }) =>
  db
    .insertInto('meta')
    .values({ key: sql.lit(reachedKey), value: p.to })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: p.to }).where('meta.value', '=', p.from)),
);

/** The next tasks, with when they came into their present state. */
const nextTasks = prepared('nextForTextRetention', (db, p: { after: string; limit: number }) =>
  db
    .selectFrom('tasks')
    .select(['tasks.id', 'kind', 'status', 'created_at', 'texts_removed'])
    .select(
      sql<number>`(select h.at from task_transitions as h where h.task_id = tasks.id and h.version = tasks.version)`.as(
        'since',
      ),
    )
    .where('tasks.id', '>', p.after)
    .orderBy('tasks.id')
    .limit(p.limit),
);

const enter = insertion('text_retention', 'task_id', 'since');

const nextDue = prepared('nextDueTexts', (db, p: { upto: number; limit: number }) =>
  db
    .selectFrom('text_retention')
    .select(['task_id', 'since'])
    .where('since', '<=', p.upto)
    .orderBy('since')
    .orderBy('task_id')
    .limit(p.limit),
);

/** The task's state, when it came into it, and whether stored replies may have texts of it. */
const lookAt = prepared('lookAtTexts', (db, p: { id: string; replies_since: number }) =>
  db
    .selectFrom('tasks')
    .select(['status', 'texts_removed'])
    .select(
      sql<number>`(select h.at from task_transitions as h where h.task_id = tasks.id and h.version = tasks.version)`.as(
        'since',
      ),
    )
    .select(
      sql<number | boolean>`exists (select 1 from task_transitions as h
        where h.task_id = tasks.id and h.version = tasks.version and h.at > ${p.replies_since})
        or exists (select 1 from reviews as r where r.task_id = tasks.id and r.created_at > ${p.replies_since})`.as(
        'has_replies',
      ),
    )
    .where('tasks.id', '=', p.id),
);

const lookAgain = prepared('lookAgainAtTexts', (db, p: { task_id: string; since: number }) =>
  db.updateTable('text_retention').set({ since: p.since }).where('task_id', '=', p.task_id),
);

const leave = prepared('leaveTextRetention', (db, p: { task_id: string }) =>
  db.deleteFrom('text_retention').where('task_id', '=', p.task_id),
);

/**
 * Removes the texts of tasks that ended `textRetentionDays` ago (contract section 10, "Retention of texts"). It walks
 * over all tasks once, in the order of their ids, at the age at which the first of them can be due, and enters them into
 * `text_retention` with the time of their end. So the end of a task writes nothing, and no index of tasks is needed. A
 * task that is still open cannot be due before as long again. Texts under an open report stay until it is decided.
 */
export class TextRetention {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Takes one step. @returns whether to take the next one at once. */
  async step(): Promise<boolean> {
    const { config, clock } = this.#ground;
    if (config.textRetentionDays === 0) return false;
    const upto = clock.now() - config.textRetentionDays * dayMs;
    const [entered, looked] = [await this.#enter(upto), await this.#remove(upto)];
    return entered || looked;
  }

  async #enter(upto: number): Promise<boolean> {
    const { db, clock } = this.#ground;
    const from = (await db.first(reached, {}))?.value ?? '';
    const next = await db.all(nextTasks, { after: from, limit: enteredAtOnce });
    const young = next.findIndex(({ created_at }) => created_at > upto);
    const tasks = young === -1 ? next : next.slice(0, young);
    if (tasks.length === 0) return false;
    await db.transact('enter text retention', async (tx) => {
      if ((await tx.run(moveOn, { from, to: at(tasks, -1).id })) === 0) return;
      for (const { id, kind, status, since, texts_removed } of tasks) {
        if (kind !== 'work' || texts_removed === 'operator') continue;
        tx.send(enter, { task_id: id, since: isEnded(status) ? since : clock.now() });
      }
    });
    return tasks.length === enteredAtOnce;
  }

  async #remove(upto: number): Promise<boolean> {
    const due = await this.#ground.db.all(nextDue, { upto, limit: lookedAtOnce });
    for (const { task_id } of due) await this.#look(task_id, upto);
    return due.length === lookedAtOnce;
  }

  /** Looks at one task in a transaction of its own: removing its texts locks it. */
  async #look(taskId: string, upto: number): Promise<void> {
    const { db, clock } = this.#ground;
    const hasReplies = await db.transact('text retention', async (tx) => {
      // Not locked: an ended task stays in its state.
      const task = await tx.first(lookAt, { id: taskId, replies_since: clock.now() - repliesMs });
      const isOver = task !== undefined && isEnded(task.status);
      const isDue = isOver && task.since <= upto;
      const isDone =
        isDue &&
        (task.texts_removed === 'operator' || (await removeTexts(tx, { taskId, by: 'retention' })) !== undefined);
      if (isDone || task === undefined) tx.send(leave, { task_id: taskId });
      else if (!isOver) tx.send(lookAgain, { task_id: taskId, since: clock.now() });
      else tx.send(lookAgain, { task_id: taskId, since: Math.max(task.since, upto + reportedMs) });
      return isDone && Boolean(task.has_replies);
    });
    if (hasReplies) await forgetReplies(this.#ground, taskId);
  }
}
