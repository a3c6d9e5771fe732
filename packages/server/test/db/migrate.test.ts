import { expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { openDatabase } from '../../src/db/open.ts';
import { version } from '../../src/version.ts';
import { onBothEngines } from '../support/engines.ts';

onBothEngines('the schema', (engine) => {
  const open = (url: string) => openDatabase(url, { onError: () => undefined });

  it('is made once, also when two start at the same moment', async () => {
    const url = await engine.freshUrl();
    const first = await open(url);
    const second = first.shared ? await open(url) : first;
    await Promise.all([migrate(first, version), first.shared ? migrate(second, version) : undefined]);
    expect(await engine.query(url, 'select name from kysely_migration')).toEqual([
      { name: '0001_core' },
      { name: '0002_people' },
      { name: '0003_matching' },
      { name: '0004_webhooks' },
      { name: '0006_search' },
      { name: '0007_extractions' },
      { name: '0008_suspended' },
    ]);
    await first.close();
    if (second !== first) await second.close();
  });

  it('is used by an older program as long as it says so', async () => {
    const url = await engine.freshUrl();
    const db = await open(url);
    await migrate(db, version);
    await engine.vandalise(url, `insert into kysely_migration values ('9999_later', 'now')`);
    await migrate(db, version);
    await engine.vandalise(url, `update meta set value = '0.10.0' where key = 'oldest_program'`);
    await migrate(db, '0.10.0');
    await expect(migrate(db, '0.9.9')).rejects.toThrow('This database needs Pinchwork 0.10.0 or newer; this is 0.9.9.');
    await db.close();
  });

  it('is refused to the pre-release of the version that it needs, and used by the release', async () => {
    const url = await engine.freshUrl();
    const db = await open(url);
    await migrate(db, version);
    await engine.vandalise(url, `update meta set value = '0.2.0' where key = 'oldest_program'`);
    await expect(migrate(db, '0.2.0-rc.1')).rejects.toThrow('needs Pinchwork 0.2.0 or newer; this is 0.2.0-rc.1.');
    await migrate(db, '0.2.0');
    await migrate(db, '0.10.0-rc.1');
    await db.close();
  });
});
