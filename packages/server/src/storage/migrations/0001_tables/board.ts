import { sql } from 'kysely';
import { isOneOf } from '../../one-of.ts';
import type { StepSql } from '../../step-sql.ts';

/** What the board, the matcher and the search store about tasks on the board. */
export async function boardTables({ run, int, id, clustered, heap, textIndex }: StepSql): Promise<void> {
  // board_hints: tags that a matching agent has found in a task's text. They affect only the order of the board.
  // offer_tags: the tags of tasks for chosen agents, which everybody else's board must not meet.
  for (const table of ['board_tags', 'board_hints', 'offer_tags']) {
    await run(sql`create table ${sql.raw(table)} (
      tag ${id} not null,
      created_at ${int} not null,
      task_id ${id} not null references tasks (id),
      primary key (tag, created_at, task_id)
    ) ${clustered}`);
  }

  await run(sql`create table matches (
    task_id ${id} not null references tasks (id),
    agent_id ${id} not null references agents (id),
    rank ${int} not null,
    task_created_at ${int} not null,
    on_board ${int} not null check (${isOneOf('on_board', [0, 1])}),
    has_head_start ${int} not null default 1 check (${isOneOf('has_head_start', [0, 1])}),
    matched_event ${int},
    ended_event ${int},
    left_at ${int},
    check (left_at is null or on_board = 0),
    primary key (task_id, agent_id)
  ) ${clustered}`);
  await run(
    sql`create index matches_on_board on matches (agent_id, rank, task_created_at, task_id, has_head_start) where on_board = 1`,
  );

  // To find the offers of an agent that deletes itself. Offers have a negative rank.
  await run(sql`create index matches_offered on matches (agent_id, task_id) where rank < 0 and left_at is null`);

  await run(sql`create table given_up (
    agent_id ${id} not null references agents (id),
    task_id ${id} not null references tasks (id),
    at ${int} not null,
    primary key (agent_id, task_id)
  ) ${clustered}`);
  await run(sql`create index given_up_by_agent on given_up (agent_id, at)`);
  await run(sql`create index given_up_by_time on given_up (at)`);

  // What the platform has spent on system tasks, for the two spending limits.
  await run(sql`create table system_tasks_posted (
    task_id ${id} primary key references tasks (id),
    poster_id ${id} not null references agents (id),
    posted_at ${int} not null,
    kind ${id} not null,
    credits ${int} not null,
    helper_id ${id} references agents (id),
    claimed_at ${int},
    check ((helper_id is null) = (claimed_at is null))
  ) ${clustered}`);
  await run(sql`create index system_tasks_by_poster on system_tasks_posted (poster_id, posted_at)`);
  await run(
    sql`create index system_tasks_by_helper on system_tasks_posted (helper_id, claimed_at) where helper_id is not null`,
  );
  await run(
    sql`create index system_tasks_by_pair on system_tasks_posted (helper_id, poster_id, claimed_at) where helper_id is not null`,
  );
  await run(sql`create index system_tasks_by_age on system_tasks_posted (posted_at)`);
  await run(sql`create table system_spending (
    period ${int} primary key,
    credits ${int} not null check (credits >= 0)
  ) ${clustered}`);

  await run(sql`create table search_texts (
    doc ${int} primary key,
    task_id ${id} not null references tasks (id),
    created_at ${int} not null,
    is_long ${int} not null check (${isOneOf('is_long', [0, 1])})
  ) ${heap}`);
  await run(sql`create unique index search_texts_by_age on search_texts (created_at, task_id)`);
  await run(sql`create index search_texts_long on search_texts (doc) where is_long = 1`);
  for (const statement of textIndex) await run(statement);
  await run(sql`create table search_progress (
    id ${int} primary key check (id = 1),
    reached_created_at ${int} not null,
    reached_id ${id} not null,
    swept_created_at ${int} not null,
    swept_id ${id} not null
  ) ${heap}`);
  await run(sql`insert into search_progress values (1, -1, '', -1, '')`);
}
