import { createHash } from 'node:crypto';
import type { SqlValue } from '../storage/prepared.ts';

/** A table as both engines have it: without the columns that the database derives by itself. */
export interface Table {
  readonly name: string;
  /** In alphabetical order: engines may hold them in different ones. */
  readonly columns: readonly string[];
}

/** A row's values, in the order of its table's columns. */
export type Row = readonly SqlValue[];

/** Tables that are no data: the migrator's own, and the index of texts, which the server makes anew on each engine. */
export const isMadeAnew = (name: string) => name.startsWith('kysely_') || name.startsWith('search_');

export interface TableDigest {
  readonly rows: number;
  readonly checksum: string;
}

/**
 * Counts the rows of a table and sums up a hash of each: the same for the same rows in any order, so that neither side
 * has to sort. Values are compared as they are read, whole.
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

/** Cuts rows into portions whose text stays small: a row may be a few bytes, or most of a megabyte. */
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
