import { systemClock } from '../../src/ground/clock.ts';
import type { Database } from '../../src/storage/database.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { prepared } from '../../src/storage/prepared.ts';
import { version } from '../../src/ground/version.ts';
import type { Engine } from './engines.ts';
import { onTestFinished } from 'vitest';

export const put = prepared('put', (db, p: { key: string; value: string }) =>
  db.insertInto('meta').values({ key: p.key, value: p.value }),
);
export const get = prepared('get', (db, p: { key: string }) =>
  db.selectFrom('meta').select('value').where('key', '=', p.key),
);

/** An open database with the schema. */
export async function openFresh(engine: Engine): Promise<{ db: Database; url: string }> {
  const url = await engine.freshUrl();
  const db = await openDatabase(url, { clock: systemClock, onError: () => undefined });
  await migrate(db, version);
  onTestFinished(() => db.close());
  return { db, url };
}

export const valueOf = async (db: Database, key: string) => (await db.first(get, { key }))?.value;
