import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { chosenEngines } from './chosen.ts';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** An address on this machine that hands out what all workers share; `shared.ts` asks it. */
    sharedParts: string;
  }
}

/**
 * Makes what all workers share, each part when the first test asks for it: one PostgreSQL for the whole run, and
 * databases to copy. A run of pure functions makes none of them.
 */
export default async function setup(project: TestProject) {
  chosenEngines();
  const cleanups: (() => unknown)[] = [];
  const makers: Record<string, () => Promise<unknown>> = {
    postgres: async () => {
      const server = await startPostgres();
      cleanups.push(() => server.stop());
      return server.adminUrl;
    },
    'sqlite-template': async () => {
      const { path, remove } = await (await import('./templates.ts')).makeSqliteTemplate();
      cleanups.push(remove);
      return path;
    },
    sdk: async () => {
      const { path, remove } = await (await import('./sdk-package.ts')).makeSdkPackage();
      cleanups.push(remove);
      return path;
    },
    'postgres-template': async () =>
      (await import('./templates.ts')).makePostgresTemplate((await made('postgres')) as string),
  };
  const parts = new Map<string, Promise<unknown>>();
  const made = (name: string) => {
    const part = parts.get(name) ?? makers[name]!();
    parts.set(name, part);
    return part;
  };
  const server = createServer((request, response) => {
    made(request.url!.slice(1)).then(
      (part) => response.end(JSON.stringify(part)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  project.provide('sharedParts', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    server.close();
    await Promise.allSettled(parts.values());
    for (const cleanup of cleanups) await cleanup();
  };
}
