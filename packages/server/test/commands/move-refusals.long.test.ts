import { expect, it } from 'vitest';
import { migrate } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { version } from '../../src/ground/version.ts';
import { describeOnPostgres, postgres, sqlite } from '../support/engines.ts';
import { Market } from '../support/market.ts';
import { startServer } from '../support/process.ts';
import { Proxy } from '../support/proxy.ts';
import { readTables } from '../support/tables.ts';
import { closedMarket, move, moveHere } from './moving.ts';

describeOnPostgres('a move that cannot succeed', () => {
  it('is refused while a server uses the data file', async () => {
    const url = await sqlite.freshUrl();
    await startServer(url);
    const target = await postgres.freshUrl();
    const { code, stderr } = await move(url, target);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^Another Pinchwork server is using/) });
    expect(await readTables(target)).toEqual({});
  });

  it('names --to when the target cannot be reached', async () => {
    const { url } = await closedMarket();
    const target = new URL(await postgres.freshUrl());
    target.pathname = '/nowhere';
    const { code, stderr } = await move(url, target.href);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^Can't use PostgreSQL at .*nowhere \(--to\): /),
    });
    expect(stderr).not.toContain('PINCHWORK_DATABASE_URL');
  });

  it('is refused when there is no data file, and creates none', async () => {
    const url = await sqlite.freshUrl();
    expect(await moveHere(url, await postgres.freshUrl())).toContain('There is no data file');
    await expect(readTables(url)).rejects.toThrow('unable to open');
  });

  it.each([
    ['tables of somebody else', (target: string) => postgres.vandalise(target, 'create table guests (name text)')],
    [
      'a market',
      async (target: string) => {
        const market = await Market.open(target);
        await market.register();
        await market.close();
      },
    ],
  ])('is refused by a target with %s in it, which stays as it is', async (_, fill) => {
    const { url } = await closedMarket();
    const target = await postgres.freshUrl();
    await fill(target);
    const before = await readTables(target);
    expect(await moveHere(url, target)).toMatch(/is not empty.*drop schema/);
    expect(await readTables(target)).toEqual(before);
  });

  it('is refused when the audit finds a violation, and names the source', async () => {
    const { url, poster } = await closedMarket();
    await sqlite.vandalise(url, `update accounts set balance = balance + 1 where id = '${poster.id}'`);
    const target = await postgres.freshUrl();
    expect(await moveHere(url, target)).toMatch(/The books in .* are not in order/);
    expect(await readTables(target)).toEqual({});
  });

  it('is refused for a schema of another version', async () => {
    const { url } = await closedMarket();
    await sqlite.vandalise(url, `insert into kysely_migration values ('9999_later', 'now')`);
    expect(await moveHere(url, await postgres.freshUrl())).toContain('pinchwork-server migrate');
  });

  it('leaves nothing in the target when it is interrupted, and can be tried again', async () => {
    const { url } = await closedMarket();
    const target = await postgres.freshUrl();
    const proxy = await Proxy.before(target);
    const broken = proxy.cutAtCommitOf('json_populate_recordset');
    const moving = moveHere(url, proxy.url);
    // Interrupted at its very end: the commit may or may not have happened, so the target is complete or empty.
    await broken;
    expect(await moving).toBeDefined();
    const [count] = await postgres.query(target, 'select count(*)::int as agents from agents');
    const again = await moveHere(url, target);
    if (count!.agents === 0) expect(again).toBeUndefined();
    else expect([again, count!.agents]).toEqual([expect.stringContaining('is not empty'), 6]);
  });

  it('leaves nothing in the target when a row does not fit there, and reports it', async () => {
    const { url, poster } = await closedMarket();
    await sqlite.vandalise(url, `update agents set good_at = 'x' || char(0) || 'y' where id = '${poster.id}'`);
    const target = await postgres.freshUrl();
    const { code, stderr } = await move(url, target);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('the writes to the target were undone'),
    });
    const tables = await readTables(target);
    expect(
      Object.entries(tables).filter(([name, rows]) => !/^(meta|kysely_|search_progress)/.test(name) && rows.length > 0),
    ).toEqual([]);
    await sqlite.vandalise(url, `update agents set good_at = 'fits' where id = '${poster.id}'`);
    expect(await moveHere(url, target)).toBeUndefined();
  });

  it('is refused when a row reads back differently or is missing', async () => {
    const { url } = await closedMarket();
    const target = await postgres.freshUrl();
    // The empty schema of an earlier attempt.
    const db = await openDatabase(target, { onError: () => undefined });
    await migrate(db, version);
    await db.close();
    const meddle = (body: string) =>
      postgres.vandalise(
        target,
        `create or replace function meddle() returns trigger as $$ begin ${body} end $$ language plpgsql`,
        'create or replace trigger meddle before insert on reviews for each row execute function meddle()',
      );
    for (const body of [`new.feedback := 'Not so'; return new;`, 'return null;']) {
      await meddle(body);
      expect(await moveHere(url, target)).toMatch(
        /copy of reviews is not equal: it has \d+ rows, and .* has \d+, or rows differ/,
      );
    }
    await postgres.vandalise(target, 'drop trigger meddle on reviews');
    expect(await moveHere(url, target)).toBeUndefined();
  });
});
