import { expect, it } from 'vitest';
import { migrate, steps } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { version } from '../../src/ground/version.ts';
import { onBothEngines } from '../support/engines.ts';
import { laterSteps } from '../support/later-step.ts';

onBothEngines('the schema', (engine) => {
  const open = (url: string) => openDatabase(url, { onError: () => undefined });

  it('is created once, also when two servers start at the same moment', async () => {
    const url = await engine.freshUrl();
    const first = await open(url);
    const second = first.shared ? await open(url) : first;
    await Promise.all([migrate(first, version), first.shared ? migrate(second, version) : undefined]);
    expect(await engine.query(url, 'select name from kysely_migration')).toEqual([{ name: '0001_tables' }]);
    await first.close();
    if (second !== first) await second.close();
  });

  it('gets each missing step once, and records the oldest program that may use it', async () => {
    const url = await engine.freshUrl();
    const db = await open(url);
    await migrate(db, version);
    await engine.vandalise(url, `insert into agents (id, name, created_at) values ('ag-old', 'Old', 0)`);
    const [additive] = Object.entries(laterSteps).slice(-1);
    const later = { ...steps, [additive![0]]: { ...additive![1], oldestProgram: '0.3.0' } };
    await migrate(db, '0.3.0', later);
    await migrate(db, '0.3.0', later);
    expect(await engine.query(url, 'select name from kysely_migration order by name')).toEqual([
      { name: '0001_tables' },
      { name: '9998_additive' },
    ]);
    expect(await engine.query(url, `select mood from agents where id = 'ag-old'`)).toEqual([{ mood: 'fine' }]);
    expect(await engine.query(url, `select value from meta where key = 'oldest_program'`)).toEqual([
      { value: '0.3.0' },
    ]);
    await expect(migrate(db, '0.2.0')).rejects.toThrow('This database needs Pinchwork 0.3.0 or newer; this is 0.2.0.');
    await db.close();
  });

  it('names the step that failed, and why', async () => {
    const url = await engine.freshUrl();
    const db = await open(url);
    const fails = { oldestProgram: version, up: () => Promise.reject(new Error('no room')) };
    await expect(migrate(db, version, { ...steps, '9998_fails': fails })).rejects.toThrow(
      'The schema step 9998_fails failed: no room',
    );
    await db.close();
  });

  it('is used by an older program that it allows', async () => {
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

  it('is refused by the pre-release of the version that it needs, and used by the release', async () => {
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
