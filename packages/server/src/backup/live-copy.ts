import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import BetterSqlite, { type Database as Connection } from 'better-sqlite3';
import { checkpointPages, logBytes } from '../storage/sqlite/file.ts';
import { LogFile, LogLost } from '../storage/sqlite/log-file.ts';

/** Pages that are copied at once, 256 KiB, and the shortest pause after them, in milliseconds. */
const stepPages = 64;
const pauseMs = 2;
/** A pause is this many times as long as the step before it. So a slow disk is left to the server for most of the time. */
const pauseTimes = 2;
const longestPauseMs = 50;
/** The copy is flushed to disk after this many steps, 32 MiB, because flushing much at once delays the server's commits. */
const stepsPerFlush = 128;
/** While the log waits to begin anew: the time between two looks, and the longest wait. */
const napMs = 2;
const mostNaps = 250;

const flush = promisify(fdatasync);

/**
 * Copies a data file that a server writes to, without holding a snapshot for long: first the pages of the file, in steps,
 * and at the same time each page that a transaction has written to the log. At the end the copy is what the last
 * transaction left (docs/decisions/0026).
 *
 * Must run in a process without another connection to the data file: closing any file of a process ends its locks on it.
 *
 * @param to an empty file.
 * @throws LogLost when the log was overwritten before it was read. The copy is of no use then.
 */
export async function liveCopy(from: string, to: string): Promise<void> {
  const connection = new BetterSqlite(from, { readonly: true, fileMustExist: true });
  const source = openSync(from, 'r');
  const target = openSync(to, 'r+');
  try {
    await new LiveCopy(connection, source, target).run();
    await flush(target);
  } finally {
    connection.close();
    closeSync(source);
    closeSync(target);
  }
}

class LiveCopy {
  readonly #connection: Connection;
  readonly #source: number;
  readonly #target: number;
  readonly #pageBytes: number;
  /** Pages that the log has given, and the loop over the file has not reached yet. */
  readonly #ahead = new Set<number>();
  /** The first page that is not copied yet. SQLite counts pages from 1. */
  #next = 1;

  constructor(connection: Connection, source: number, target: number) {
    this.#connection = connection;
    this.#source = source;
    this.#target = target;
    this.#pageBytes = connection.pragma('page_size', { simple: true }) as number;
  }

  async run(): Promise<void> {
    this.#hold();
    const log = new LogFile(`${this.#connection.name}-wal`, logBytes, (page, content) => this.#overlay(page, content));
    try {
      const pages = Math.ceil(fstatSync(this.#source).size / this.#pageBytes);
      for (let steps = 1; this.#next <= pages; steps++) {
        const begunAt = performance.now();
        this.#copyStep(pages);
        log.follow();
        if (steps % stepsPerFlush === 0) await flush(this.#target);
        const pause = pauseTimes * (performance.now() - begunAt);
        await sleep(Math.min(longestPauseMs, Math.max(pauseMs, pause)));
        log.follow();
        if (log.frames > checkpointPages) await this.#letGo(log);
      }
      this.#end(log.pages ?? pages);
    } finally {
      log.close();
    }
  }

  /** Holds a snapshot: while it does, the log does not begin anew, or at most once. */
  #hold(): void {
    this.#connection.exec('begin');
    this.#connection.prepare('select count(*) from sqlite_schema').get();
  }

  /** Lets the log begin anew, and follows it meanwhile. */
  async #letGo(log: LogFile): Promise<void> {
    const { sequence } = log;
    this.#connection.exec('rollback');
    for (let naps = 0; naps < mostNaps && log.sequence === sequence; naps++) {
      await sleep(napMs);
      log.follow();
    }
    this.#hold();
    log.follow();
  }

  #copyStep(pages: number): void {
    const count = Math.min(stepPages, pages - this.#next + 1);
    const bytes = Buffer.allocUnsafe(count * this.#pageBytes);
    const read = readSync(this.#source, bytes, 0, bytes.length, (this.#next - 1) * this.#pageBytes);
    for (let i = 0; i * this.#pageBytes < read; i++) {
      const page = this.#next + i;
      if (this.#ahead.delete(page)) continue;
      // The pages up to the next one that the log has given.
      let end = i + 1;
      while (end * this.#pageBytes < read && !this.#ahead.has(this.#next + end)) end++;
      const from = i * this.#pageBytes;
      writeSync(this.#target, bytes, from, Math.min(end * this.#pageBytes, read) - from, (page - 1) * this.#pageBytes);
      i = end - 1;
    }
    this.#next += count;
  }

  #overlay(page: number, content: Buffer): void {
    writeSync(this.#target, content, 0, content.length, (page - 1) * this.#pageBytes);
    if (page >= this.#next) this.#ahead.add(page);
  }

  /** Makes the copy a file without a log, of the right length. */
  #end(pages: number): void {
    ftruncateSync(this.#target, pages * this.#pageBytes);
    // The versions that say how the file is written and read: 2 is with a log, 1 without.
    writeSync(this.#target, Buffer.from([1, 1]), 0, 2, 18);
  }
}

/** How often a copy is begun again after the log was lost. */
const mostTries = 3;

/** `liveCopy`, begun again when the log was lost. @returns false if it was lost each time. */
export async function copyLive(from: string, to: string): Promise<boolean> {
  for (let tries = 0; tries < mostTries; tries++) {
    try {
      await liveCopy(from, to);
      return true;
    } catch (error) {
      if (!(error instanceof LogLost)) throw error;
    }
  }
  return false;
}
