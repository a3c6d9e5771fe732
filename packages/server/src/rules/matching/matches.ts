import type { Kysely } from 'kysely';
import { moveEntries } from '../board/entries.ts';
import { tellMatched } from '../events/outbox.ts';
import { deadlineAfter, secondMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { listed, listParams, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { arrival } from '../tasks/hints.ts';
import type { TaskRow } from '../tasks/queries.ts';
import { boardStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';
import { storedTexts } from '../../ground/stored.ts';

/** Rows of `matches`: the agents chosen for a task, with their rank, which orders each agent's matched tasks. */
interface MatchParams extends Params {
  task_id: string;
  created_at: number;
}

const insertMatches = perShape((count: number) =>
  prepared(`insert${count}Matches`, (db, p: MatchParams) =>
    db.insertInto('matches').values(
      listed(p, 'agent', count).map((agent_id, rank) => ({
        task_id: p.task_id,
        agent_id,
        rank,
        task_created_at: p.created_at,
        on_board: 1,
        has_head_start: p[`start_${rank}`] as number,
      })),
    ),
  ),
);

interface Chosen extends Params {
  id: string;
  match_count: number;
  held_until: number | null;
  hints: string;
}

const choose = (db: Kysely<Schema>, p: Chosen) =>
  db
    .updateTable('tasks')
    .set({ matching_id: null, match_count: p.match_count, held_until: p.held_until, hints: p.hints })
    .where('id', '=', p.id);

const setChosen = prepared('setChosen', (db, p: Chosen) => choose(db, p));

/** Only while the task waits for this matching task: it is on the board, and nobody has claimed it yet. */
const setChosenIfAwaited = prepared('setChosenIfAwaited', (db, p: Chosen & { matching_id: string }) =>
  choose(db, p)
    .where('matching_id', '=', p.matching_id)
    .where(statusIn('status', boardStates))
    .where('claim_number', '=', 0),
);

interface Choice {
  readonly agents: readonly string[];
  readonly newcomer?: string | undefined;
  readonly hints?: readonly string[];
  readonly awaited?: string;
}

/**
 * Stores the agents chosen for a task, reserves the task for them during their head start, and sends them
 * `task_matched` (contract section 6, "Matching").
 *
 * @param agents ids of the chosen agents, best first.
 * @param newcomer the one among them that has no head start: if no other is chosen, the task is everyone's at once.
 * @param hints folded tags that rank the task in addition to its own.
 * @param awaited id of the matching task that gave this answer. No effect if the task no longer waits for it.
 */
export async function setMatches(
  work: Work,
  task: Pick<TaskRow, 'id' | 'created_at'>,
  { agents, newcomer, hints = [], awaited }: Choice,
): Promise<void> {
  const { ctx, tx, now } = work;
  const starts = agents.map((id) => Number(id !== newcomer));
  const chosen = {
    id: task.id,
    match_count: agents.length,
    held_until: starts.includes(1) ? deadlineAfter(now, ctx.config.matchExclusiveSeconds * secondMs) : null,
    hints: JSON.stringify(hints),
  };
  if (awaited === undefined) tx.send(setChosen, chosen);
  else if ((await tx.run(setChosenIfAwaited, { ...chosen, matching_id: awaited })) === 0) return;
  else tx.signal(arrival(task.id));
  if (agents.length > 0) {
    const params: MatchParams = { task_id: task.id, created_at: task.created_at, ...listParams('agent', agents) };
    for (const [i, start] of starts.entries()) params[`start_${i}`] = start;
    tx.send(insertMatches(agents.length), params);
    tellMatched(work, task.id, 'task_matched', {});
  }
  moveEntries(tx, 'board_hints', { task, tags: hints }, true);
}

const moveMatches = prepared('moveMatches', (db, p: { task_id: string; on_board: number }) =>
  db.updateTable('matches').set({ on_board: p.on_board }).where('task_id', '=', p.task_id).where('left_at', 'is', null),
);

const hintsOf = (task: Pick<TaskRow, 'hints'>) => storedTexts(task.hints);

/** Puts a task's matches and hints on the board, or removes them, when the task itself is put there or removed. */
export function moveMatchesOnBoard(
  tx: Tx,
  task: Pick<TaskRow, 'id' | 'created_at' | 'hints' | 'match_count'>,
  isOnBoard: boolean,
): void {
  if (task.match_count > 0) tx.send(moveMatches, { task_id: task.id, on_board: Number(isOnBoard) });
  moveEntries(tx, 'board_hints', { task, tags: hintsOf(task) }, isOnBoard);
}
