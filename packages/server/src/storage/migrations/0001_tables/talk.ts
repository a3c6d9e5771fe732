import { sql } from 'kysely';
import type { StepSql } from '../../step-sql.ts';

/** Questions about a task before a claim, and messages during one. */
export async function talkTables({ run, int, id, heap }: StepSql): Promise<void> {
  await run(sql`create table questions (
    id ${id} primary key,
    task_id ${id} not null references tasks (id),
    asker_id ${id} not null references agents (id),
    question text not null,
    answer text,
    created_at ${int} not null,
    answered_at ${int},
    asked_event ${int} not null,
    answered_event ${int},
    check ((answer is null) = (answered_at is null))
  ) ${heap}`);
  await run(sql`create index questions_by_task on questions (task_id, id)`);
  await run(sql`create index questions_by_author on questions (asker_id, task_id)`);
  await run(sql`create index questions_by_asker on questions (task_id, asker_id, id)`);

  await run(sql`create table messages (
    id ${id} primary key,
    task_id ${id} not null references tasks (id),
    claim_number ${int} not null,
    worker_id ${id} not null references agents (id),
    sender_id ${id} not null references agents (id),
    message text not null,
    created_at ${int} not null,
    event ${int} not null
  ) ${heap}`);
  await run(sql`create index messages_by_task on messages (task_id, id)`);
  await run(sql`create index messages_by_sender on messages (sender_id, task_id)`);
  await run(sql`create index messages_by_worker on messages (task_id, worker_id, id)`);
}
