import { sql } from 'kysely';
import { derived, type TextIndexClauses } from '../prepared.ts';
import { askedTrigrams, trigramsOf } from '../trigrams.ts';

/**
 * PostgreSQL's index of texts: an inverted index over the trigrams as numbers. It needs no extension, which not every
 * host allows, and serves every script: `pg_trgm` passes over whatever the database's locale takes for no letter, in
 * the C locale all but ASCII.
 */
export const textIndexTables = [
  'create table search_trigrams (doc bigint primary key, trigrams integer[] not null)',
  'create index search_trigrams_inverted on search_trigrams using gin (trigrams) with (gin_pending_list_limit = 512)',
];

/** FNV-1a over the trigram's UTF-16 units, in 32 bits. Two that meet cost a look at a text. */
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
  // What has been added lies in a list that each search goes through, until it is sorted in.
  tidy: () => sql`select gin_clean_pending_list('search_trigrams_inverted')`,
  find: (p) => sql<{ doc: number }>`select doc from search_trigrams
    where trigrams @> ${derived(p.part, (part) => numbers(askedTrigrams(part)))}::integer[]
      and doc > ${p.after} and doc <= ${p.upto}
    order by doc limit ${p.limit}`,
};
