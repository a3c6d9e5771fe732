import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { chosenEngines } from './chosen.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** An address on this machine that answers with the address of the tests' PostgreSQL. */
    postgresBroker: string;
  }
}

/**
 * One PostgreSQL for the whole run, started when the first test asks for it: a run of pure functions, or on SQLite
 * alone, does without.
 */
export default async function setup(project: TestProject) {
  chosenEngines();
  let started: Promise<PostgresServer> | undefined;
  const broker = createServer((_, response) => {
    started ??= startPostgres();
    started.then(
      ({ adminUrl }) => response.end(adminUrl),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  project.provide('postgresBroker', `http://127.0.0.1:${(broker.address() as AddressInfo).port}/`);
  return async () => {
    broker.closeAllConnections();
    broker.close();
    await (await started)?.stop();
  };
}
