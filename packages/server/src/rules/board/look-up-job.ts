import { at } from '../../ground/present.ts';
import type { ApartJob, Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import { trigramsOf } from '../../storage/trigrams.ts';
import { ageAtDoc, type Doc, docsWith, firstDocBehind, lastDocUpTo, longDocs, progress } from '../search/queries.ts';
import { tagParams } from '../../storage/tags.ts';
import { type Pace, unhurried } from '../search/pace.ts';
import type { BoardParams } from './fragments.ts';
import { openAmong, idShapes } from './queries.ts';
import { type Age, ageOf, isBehind, type Look, scan, type Scanned, type TextFilter } from './scan.ts';
import { Needle, portions, type TaskRef } from '../search/texts.ts';

/**
 * A search for a text behind the oldest few thousand tasks. It uses the trigram index as far as the index reaches, and
 * reads the texts of younger tasks.
 */
export interface Lookup {
  readonly board: BoardParams;
  readonly tags: readonly string[];
  /** The text to find, folded. */
  readonly part: string;
  readonly from: Age;
  readonly want: number;
  readonly budgetMs: number;
}

/** Runs in a worker (`runApart`), because it may use its whole budget of time. */
const lookUp: ApartJob<Lookup, Scanned> = async (reader, { board, tags, part, from, want, budgetMs }) => {
  const filter = { tags, needle: new Needle(part) };
  const pace = unhurried(budgetMs);
  const look = { reader, board, filter };
  const indexed = await byIndex(look, from, want, pace);
  if (indexed.isOver) return indexed;
  const rest = await scan(look, indexed.end, want - indexed.rows.length, pace);
  return { rows: [...indexed.rows, ...rest.rows], end: rest.end };
};

export default lookUp;

/**
 * The range of document numbers that one query searches. A smaller range would be no faster: if no document has all
 * trigrams, SQLite reads to the end of the index (17 ms in a million documents for five trigrams, 30 ms for eight).
 */
const span = 1_000_000;

interface Indexed {
  readonly rows: TaskRef[];
  /** All matches up to this age are in `rows`. */
  readonly end: Age;
  /** Whether enough was found or the time is up. */
  readonly isOver: boolean;
}

async function byIndex(
  { reader, board, filter }: Look & { readonly filter: TextFilter },
  from: Age,
  want: number,
  pace: Pace,
): Promise<Indexed> {
  const { needle, tags } = filter;
  const { part } = needle;
  const rows: TaskRef[] = [];
  if (trigramsOf(part).length === 0) return { rows, end: from, isOver: false };
  const { reached_created_at, reached_id } = await reader.one(progress, {});
  const reached: Age = { created_at: reached_created_at, id: reached_id };
  if (!isBehind(reached, from)) return { rows, end: from, isOver: false };
  const first = await reader.first(firstDocBehind, { ...from });
  const last = await reader.first(lastDocUpTo, { ...reached });
  if (first === undefined || last === undefined) return { rows, end: reached, isOver: false };
  let end = from;
  for (let after = first.doc - 1; after < last.doc && (await pace());) {
    const found = await candidatesIn(reader, part, after, Math.min(after + span, last.doc));
    const open = await openOf(reader, board, tags, found.docs);
    let isFirst = true;
    for (const portion of portions(open)) {
      if (!isFirst && !(await pace())) return { rows, end, isOver: true };
      isFirst = false;
      rows.push(...(await needle.among(reader, portion)));
      if (rows.length >= want) return { rows: rows.slice(0, want), end: ageOf(at(rows, want - 1)), isOver: true };
      end = ageOf(at(portion, -1));
    }
    after = found.upto;
    if (after >= last.doc) return { rows, end: reached, isOver: false };
    const looked = ageOf(await reader.one(ageAtDoc, { doc: after }));
    if (isBehind(looked, end)) end = looked;
  }
  return { rows, end, isOver: true };
}

/** Maximum number of rows of one query for candidates. */
const mostCandidates = 500;

/**
 * The documents with numbers after `after` and at most `upto` that may contain a text.
 *
 * @returns the documents, and the number up to which they are complete.
 */
async function candidatesIn(
  reader: Reader,
  part: string,
  after: number,
  upto: number,
): Promise<{ docs: Doc[]; upto: number }> {
  const range = { after, upto, limit: mostCandidates };
  const lists = [await reader.all(docsWith, { part, ...range }), await reader.all(longDocs, range)];
  // A full list may continue after its last document, so the result is complete only up to there.
  const ends = lists.map((docs) => (docs.length === mostCandidates ? Math.max(...docs.map(({ doc }) => doc)) : upto));
  const end = Math.min(...ends);
  const docs = lists.flat().filter(({ doc }) => doc <= end);
  return { docs, upto: end };
}

/** The tasks of these documents that are open to the agent and have all the tags, oldest first. */
async function openOf(
  reader: Reader,
  board: BoardParams,
  tags: readonly string[],
  docs: readonly Doc[],
): Promise<TaskRef[]> {
  if (docs.length === 0) return [];
  const ids = docs.map(({ task_id }) => task_id);
  const { size, params } = fitted(idShapes, 'id', ids);
  const rows = await reader.all(openAmong(`${tags.length}/${size}`), { ...board, ...tagParams(tags), ...params });
  return rows.sort((a, b) => (isBehind(a, b) ? 1 : -1));
}
