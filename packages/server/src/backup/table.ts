import { createHash } from 'node:crypto';
import type { SqlValue } from '../storage/prepared.ts';

/** A table as both engines have it, without generated columns. */
export interface Table {
  readonly name: string;
  /** In alphabetical order, because the engines may have them in different orders. */
  readonly columns: readonly string[];
}

/** A row's values, in the order of the table's columns. */
export type Row = readonly SqlValue[];

/**
 * Whether a table is not copied: the migrator's own tables, and the text index, which the server rebuilds on each
 * engine.
 */
export const isMadeAnew = (name: string) => name.startsWith('kysely_') || name.startsWith('search_');

export interface TableDigest {
  readonly rows: number;
  readonly checksum: string;
}

/**
 * Counts the rows of a table and adds up a hash of each row. The sum is equal for the same rows in any order, so
 * neither side has to sort. All values are part of the hash.
 */
export class Digest {
  #rows = 0;
  #sum = 0n;

  add(row: Row): void {
    this.#rows++;
    this.#sum += BigInt(`0x${createHash('sha256').update(JSON.stringify(row)).digest('hex')}`);
  }

  end(): TableDigest {
    return { rows: this.#rows, checksum: BigInt.asUintN(256, this.#sum).toString(16).padStart(64, '0') };
  }
}

/** Splits rows into portions with a bounded amount of text: a row has from a few bytes to most of a megabyte. */
export function* portionsOf(rows: Iterable<Row>): Generator<readonly Row[]> {
  let portion: Row[] = [];
  let size = 0;
  for (const row of rows) {
    portion.push(row);
    for (const value of row) size += typeof value === 'string' ? value.length : 8;
    if (portion.length < mostRows && size < mostCharacters) continue;
    yield portion;
    portion = [];
    size = 0;
  }
  if (portion.length > 0) yield portion;
}

const mostRows = 1_000;
const mostCharacters = 2 ** 20;
