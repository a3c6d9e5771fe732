import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the tests' PostgreSQL answers, to make databases on. */
    postgresAdmin: string;
  }
}

/** One PostgreSQL for the whole run; each test that wants it makes a database of its own. */
export default async function setup(project: TestProject) {
  const postgres = await startPostgres();
  project.provide('postgresAdmin', postgres.adminUrl);
  return () => postgres.stop();
}
