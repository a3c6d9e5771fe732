import { sql } from 'kysely';
import { derived, type TextIndexClauses } from '../prepared.ts';
import { askedTrigrams } from '../trigrams.ts';

/**
 * The text index on SQLite: FTS5 with trigrams, without the texts and without positions, which needs a fifth of the
 * space and of the time. Automatic merges are off; `tidy` merges in steps of a bounded size.
 */
export const textIndexTables = [
  `create virtual table search_trigrams using fts5 (
    folded, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
  )`,
  `insert into search_trigrams (search_trigrams, rank) values ('automerge', 0)`,
  `insert into search_trigrams (search_trigrams, rank) values ('crisismerge', 1000)`,
];

/** How many pages one `tidy` merges: about twice as many as the documents added between two calls take up. */
const mergedPages = 32;

/** Matches each trigram separately, because an index without positions cannot match phrases. */
const everyTrigram = (part: string) =>
  askedTrigrams(part)
    .map((trigram) => `"${trigram.replaceAll('"', '""')}"`)
    .join(' AND ');

export const textIndexClauses: TextIndexClauses = {
  add: (p) => sql`insert into search_trigrams (rowid, folded) values (${p.doc}, ${p.folded})`,
  remove: (p) => sql`delete from search_trigrams where rowid = ${p.doc}`,
  tidy: () => sql`insert into search_trigrams (search_trigrams, rank) values ('merge', ${sql.lit(mergedPages)})`,
  find: (p) => sql<{ doc: number }>`select rowid as doc from search_trigrams
    where search_trigrams match ${derived(p.part, everyTrigram)} and rowid > cast(${p.after} as integer) and rowid <= cast(${p.upto} as integer)
    order by rowid limit ${p.limit}`,
};
