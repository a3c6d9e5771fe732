import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, inject } from 'vitest';
import { createDatabase } from './postgres.ts';

export type EngineName = 'SQLite' | 'PostgreSQL';

export interface Engine {
  readonly name: EngineName;
  /** A new, empty database: a value for `PINCHWORK_DATABASE_URL`. */
  freshUrl(): Promise<string>;
}

const folder = mkdtempSync(join(tmpdir(), 'pinchwork-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

export const sqlite: Engine = {
  name: 'SQLite',
  freshUrl: async () => join(folder, `${++files}.db`),
};

export const postgres: Engine = {
  name: 'PostgreSQL',
  freshUrl: () => createDatabase(inject('postgresAdmin')),
};

/** Runs a group of tests on every engine. */
export function onBothEngines(title: string, tests: (engine: Engine) => void): void {
  describe.each([sqlite, postgres])(`${title} on $name`, tests);
}
