import { sql } from 'kysely';
import type { Ground } from '../../storage/ground.ts';
import { prepared, preparedSql } from '../../storage/prepared.ts';
import { textFields } from './columns.ts';

/** Removes a task's texts from the replies that are stored with idempotency keys, for as long as these are kept. */

/** Every agent that may have had a reply with a text of the task. */
const agentsOf = preparedSql<{ id: string }, { agent: string }>(
  'agentsOfTask',
  (p) => sql`select worker_id as agent from task_transitions where task_id = ${p.id} and worker_id is not null
    union select asker_id from questions where task_id = ${p.id}
    union select reviewer_id from reviews where task_id = ${p.id}`,
  { bounded: 'the agents that had to do with one task' },
);

const repliesWith = prepared(
  'repliesWith',
  (db, p: { scope: string; id: string }, engine) =>
    db
      .selectFrom('idempotency_keys')
      .select(['key', 'reply'])
      .where('scope', '=', p.scope)
      .where(engine.contains(sql.ref('reply'), p.id)),
  { bounded: "one agent's replies of the last 24 hours" },
);

const setReply = prepared('setReply', (db, p: { scope: string; key: string; reply: string }) =>
  db.updateTable('idempotency_keys').set({ reply: p.reply }).where('scope', '=', p.scope).where('key', '=', p.key),
);

const involvedIn = prepared('involvedIn', (db, p: { id: string }) =>
  db.selectFrom('tasks').select(['poster_id', 'barred']).where('id', '=', p.id),
);

/** The system tasks about a task. Their replies quote it. */
const answersAbout = prepared('answersAbout', (db, p: { id: string }) =>
  db.selectFrom('tasks').select('id').where('about_id', '=', p.id).where('kind', '<>', sql.lit('work')),
);

/**
 * Removes a task's texts from stored replies. In a transaction of its own, because keys are locked before all else. So
 * call it after the texts were removed: then no reply with one of them is stored any more.
 */
export function forgetReplies({ db }: Pick<Ground, 'db'>, taskId: string): Promise<void> {
  return db.transact('forget replies', async (tx) => {
    const task = await tx.first(involvedIn, { id: taskId });
    if (task === undefined) return;
    const barred = task.barred.split(' ').filter((id) => id !== '');
    const others = (await tx.all(agentsOf, { id: taskId })).map(({ agent }) => agent);
    const tasks = [taskId, ...(await tx.all(answersAbout, { id: taskId })).map(({ id }) => id)];
    const found = new Map<string, { scope: string; key: string; reply: unknown }>();
    for (const scope of new Set([task.poster_id, ...barred, ...others])) {
      for (const id of tasks) {
        for (const { key, reply } of await tx.all(repliesWith, { scope, id })) {
          const earlier = found.get(`${scope} ${key}`)?.reply ?? (JSON.parse(reply) as unknown);
          found.set(`${scope} ${key}`, { scope, key, reply: withoutTexts(earlier, id) });
        }
      }
    }
    for (const { scope, key, reply } of [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      tx.send(setReply, { scope, key, reply: JSON.stringify(reply) });
    }
  });
}

/** A reply in which the objects about a task have no texts and no tags. */
function withoutTexts(value: unknown, taskId: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutTexts(item, taskId));
  if (value === null || typeof value !== 'object') return value;
  const isMeant = 'task_id' in value && value.task_id === taskId;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, isMeant ? emptied(name, field) : withoutTexts(field, taskId)]),
  );
}

/** A field of an object about the task, without its text. */
function emptied(name: string, field: unknown): unknown {
  if (name === 'tags') return [];
  if (name === 'verification') return undefined;
  const removed = textFields[name];
  return removed !== undefined && typeof field === 'string' ? removed : field;
}
