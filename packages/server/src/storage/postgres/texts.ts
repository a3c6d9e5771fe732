import { sql } from 'kysely';
import { derived, type TextIndexClauses } from '../prepared.ts';
import { askedTrigrams, trigramsOf } from '../trigrams.ts';

/**
 * The text index on PostgreSQL: an inverted index over trigrams, each stored as a number. It needs no extension (some
 * hosts allow none) and works for every script. `pg_trgm` ignores characters that the database's locale does not count
 * as letters; in the C locale these are all but ASCII.
 */
export const textIndexTables = [
  'create table search_trigrams (doc bigint primary key, trigrams integer[] not null)',
  'create index search_trigrams_inverted on search_trigrams using gin (trigrams) with (gin_pending_list_limit = 512)',
];

/**
 * FNV-1a (32 bits) over the trigram's UTF-16 units. When two trigrams have the same number, the search reads one text
 * more than it needs to.
 */
function numberOf(trigram: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < trigram.length; i++) hash = Math.imul(hash ^ trigram.charCodeAt(i), 0x01000193);
  return hash | 0;
}

const numbers = (trigrams: readonly string[]) => `{${trigrams.map(numberOf).join()}}`;

export const textIndexClauses: TextIndexClauses = {
  add: (p) => sql`insert into search_trigrams (doc, trigrams)
    values (${p.doc}, ${derived(p.folded, (folded) => numbers(trigramsOf(folded)))}::integer[])`,
  remove: (p) => sql`delete from search_trigrams where doc = ${p.doc}`,
  // Moves new entries into the sorted index. Until then they are in a pending list that every search scans.
  tidy: () => sql`select gin_clean_pending_list('search_trigrams_inverted')`,
  find: (p) => sql<{ doc: number }>`select doc from search_trigrams
    where trigrams @> ${derived(p.part, (part) => numbers(askedTrigrams(part)))}::integer[]
      and doc > ${p.after} and doc <= ${p.upto}
    order by doc limit ${p.limit}`,
};
