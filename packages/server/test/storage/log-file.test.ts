import { copyFileSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { liveCopy } from '../../src/backup/live-copy.ts';
import { checkpointPages } from '../../src/storage/sqlite/file.ts';
import { LogFile, LogLost } from '../../src/storage/sqlite/log-file.ts';
import { Random } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const pageBytes = 4_096;
const limitBytes = 400_000;

/** A data file with a log that begins anew after some pages, and a connection that writes. */
function open({ pages }: { pages: number }) {
  const path = join(temporaryFolder('log'), 'data.db');
  const writer = new BetterSqlite(path);
  onTestFinished(() => void writer.close());
  writer.pragma('journal_mode = WAL');
  writer.pragma('synchronous = OFF');
  writer.pragma(`wal_autocheckpoint = ${pages}`);
  writer.pragma(`journal_size_limit = ${limitBytes}`);
  writer.exec('create table changes (id integer primary key, filler text)');
  return { path, writer };
}

/** A copy of a data file, kept up with its log. */
function follow(path: string) {
  const copy = `${path}-copy`;
  copyFileSync(path, copy);
  const file = openSync(copy, 'r+');
  const log = new LogFile(`${path}-wal`, limitBytes, (page, content) => {
    writeSync(file, content, 0, content.length, (page - 1) * pageBytes);
  });
  onTestFinished(() => log.close());
  return { copy, log };
}

describe('a log that is followed', () => {
  it('gives each page of each committed transaction, also when it begins anew', () => {
    const { path, writer } = open({ pages: 60 });
    // So small that a transaction writes pages to the log before it ends.
    writer.pragma('cache_size = 10');
    const random = new Random(7);
    const write = writer.prepare('insert or replace into changes values (?, ?)');
    write.run(1, '');
    const { copy, log } = follow(path);
    const begun = log.sequence!;
    for (let i = 0; i < 400; i++) {
      writer.exec('begin');
      for (let row = 0; row < 5; row++) write.run(random.below(300), 'x'.repeat(random.below(6_000)));
      log.follow();
      writer.exec(random.below(4) === 0 ? 'rollback' : 'commit');
      if (i % 2 === 0) log.follow();
    }
    writer.exec('begin; delete from changes where id < 200');
    writer.exec('rollback');
    log.follow();
    expect(log.sequence! - begun).toBeGreaterThan(20);
    expect(log.pages).toBe(writer.pragma('page_count', { simple: true }));
    writer.pragma('wal_checkpoint(RESTART)');
    expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
  });

  it.each<[how: string, work: (writer: BetterSqlite.Database) => void]>([
    [
      'it begins anew twice without being read',
      (writer) => {
        for (let i = 0; i < 100; i++) writer.prepare('insert into changes values (null, ?)').run('x'.repeat(8_000));
      },
    ],
    [
      'it begins anew and overwrites what was not read',
      (writer) => {
        writer.pragma('wal_checkpoint(RESTART)');
        for (let i = 0; i < 10; i++) writer.prepare('insert into changes values (null, ?)').run('x'.repeat(8_000));
      },
    ],
    ['it is emptied', (writer) => void writer.pragma('wal_checkpoint(TRUNCATE)')],
  ])('says that something may be lost when %s', (_, work) => {
    const { path, writer } = open({ pages: 60 });
    writer.exec("insert into changes values (1, 'a')");
    const { log } = follow(path);
    work(writer);
    expect(() => log.follow()).toThrow(LogLost);
  });
});

it('a live copy is what a transaction left, although the log begins anew while it is made', async () => {
  const { path, writer } = open({ pages: checkpointPages });
  const insert = writer.prepare("insert into changes values (?, '') on conflict do nothing");
  const change = writer.prepare('update changes set filler = ? where id = ?');
  writer.exec('create table counter (changes integer); insert into counter values (0)');
  const rows = 1_500;
  writer.transaction(() => {
    for (let id = 0; id < rows; id++) {
      insert.run(id);
      change.run('0'.repeat(4_000), id);
    }
  })();
  writer.pragma('wal_checkpoint(TRUNCATE)');
  let turns = 0;
  // Each transaction writes the same letter into 60 rows that are far apart, and counts itself.
  const turn = writer.transaction(() => {
    turns++;
    for (let i = 0; i < 60; i++) change.run(String(turns % 10).repeat(4_000), (turns * 7 + i * 25) % rows);
    writer.prepare('update counter set changes = ?').run(turns);
  });
  turn();
  const timer = setInterval(turn, 1);
  const copy = `${path}-copy`;
  writeSync(openSync(copy, 'w'), '');
  try {
    await liveCopy(path, copy);
  } finally {
    clearInterval(timer);
  }
  const copied = new BetterSqlite(copy, { readonly: true });
  onTestFinished(() => void copied.close());
  expect(copied.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(copied.pragma('journal_mode', { simple: true })).toBe('delete');
  const turnsCopied = copied.prepare<[], number>('select changes from counter').pluck().get()!;
  expect(turnsCopied).toBeGreaterThan(1);
  const expected = Array.from({ length: rows }, () => '0');
  for (let t = 1; t <= turnsCopied; t++) {
    for (let i = 0; i < 60; i++) expected[(t * 7 + i * 25) % rows] = String(t % 10);
  }
  const found = copied.prepare<[], string>('select substr(filler, 1, 1) from changes order by id').pluck().all();
  expect(found).toEqual(expected);
});
