import { type RawBuilder, sql } from 'kysely';
import { version } from '../../src/ground/version.ts';
import { steps } from '../../src/storage/migrate.ts';
import { tasksTable } from '../../src/storage/migrations/0001_tables/tasks.ts';
import { type StepSql, stepSql, type TableDefinition } from '../../src/storage/step-sql.ts';

/** The tasks table of a later version, with another state and its deadline. */
export function laterTasks(step: StepSql): TableDefinition {
  const table = tasksTable(step);
  const due = sql`case status when 'paused' then expires_at when 'delivered' then review_deadline_at
    when 'claimed' then case when grace_deadline_at is null then claim_deadline_at else grace_deadline_at end
    when 'posted' then expires_at end`;
  const states = (more: RawBuilder<unknown>) => sql`(${more}) or status = 'paused'`;
  return {
    ...table,
    generated: { due_at: sql`${step.int} generated always as (${due}) stored` },
    checks: { ...table.checks, tasks_status: states(table.checks.tasks_status!) },
    indexes: { ...table.indexes, tasks_paused: sql`(id) where status = 'paused'` },
  };
}

/** A later schema that this version can use: it only adds, and each new column has a default. */
export const laterSteps: typeof steps = {
  ...steps,
  '9998_additive': {
    oldestProgram: version,
    up: async (db, dialect) => {
      const step = stepSql(db, dialect);
      await step.rebuildTable(laterTasks(step), { generated: ['due_at'], indexes: ['tasks_paused'] });
      for (const table of ['agents', 'tasks', 'questions', 'messages', 'reports', 'admin_actions']) {
        await sql`alter table ${sql.table(table)} add column mood text not null default 'fine'`.execute(db);
      }
      await sql`create table moods (id text primary key)`.execute(db);
      await sql`create index tasks_by_mood on tasks (mood)`.execute(db);
    },
  },
};
