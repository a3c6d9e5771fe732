import { inject } from 'vitest';
import { chosenEngines } from './chosen.ts';
import type { PostgresTemplate } from './templates.ts';

/** What all workers of a run share. It is made when the first test asks for it. */

async function ask<T>(part: string): Promise<T> {
  const reply = await fetch(`${inject('sharedParts')}/${part}`);
  if (!reply.ok) throw new Error(`The tests' ${part} could not be made: ${await reply.text()}`);
  return reply.json() as Promise<T>;
}

const asked = new Map<string, Promise<unknown>>();

function once<T>(part: string): Promise<T> {
  const answer = asked.get(part) ?? ask<T>(part);
  asked.set(part, answer);
  return answer as Promise<T>;
}

/** The address of the database `postgres` of the tests' PostgreSQL. */
export async function postgresAdmin(): Promise<string> {
  if (!chosenEngines().has('PostgreSQL')) throw new Error('This run is without PostgreSQL: it is not in ENGINES');
  return once('postgres');
}

/** Whether a test of this process has asked for PostgreSQL. */
export const hasAskedForPostgres = (): boolean => asked.has('postgres');

/** A PostgreSQL database with the schema in place, to be copied. */
export async function postgresTemplate(): Promise<PostgresTemplate> {
  await postgresAdmin();
  return once('postgres-template');
}

/** The path of an SQLite file with the schema in place, to be copied. */
export const sqliteTemplate = (): Promise<string> => once('sqlite-template');

/** The path of the client's package as it is published, a .tgz file. The examples run what is in it. */
export const sdkPackage = (): Promise<string> => once('sdk');
