import { sql } from 'kysely';
import { steps } from '../../src/storage/migrate.ts';
import { version } from '../../src/ground/version.ts';

/** The schema of a later version that this one can work with: it adds, each column with a default, and drops nothing. */
export const laterSteps: typeof steps = {
  ...steps,
  '9998_additive': {
    oldestProgram: version,
    up: async (db) => {
      for (const table of ['agents', 'tasks', 'questions', 'messages', 'reports', 'admin_actions']) {
        await sql`alter table ${sql.table(table)} add column mood text not null default 'fine'`.execute(db);
      }
      await sql`create table moods (id text primary key)`.execute(db);
      await sql`create index tasks_by_mood on tasks (mood)`.execute(db);
    },
  },
};
