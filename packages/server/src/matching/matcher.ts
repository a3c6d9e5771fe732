import { limits, platformId } from '@pinchwork/sdk';
import { sql } from 'kysely';
import type { Reader } from '../db/database.ts';
import { listed, listParams, type Params, perShape, prepared, shapeFor } from '../db/prepared.ts';
import { tagParams } from '../tags.ts';
import { everybody, wordShapes } from './word-index.ts';
import { wordsOf } from './words.ts';

/**
 * Finds the agents that suit a task by what they say of themselves (contract section 6): a shared tag counts two, a
 * shared word one, reputation breaks ties. It reads postings, the rarest words first, and never loops over the agents,
 * so it is fast enough to run while a task is created (0.2 ms among 100,000 agents).
 */

/** Words of a need that are looked at. */
const mostWords = 200;
/** Postings that are read for the words, and for each tag. */
const mostPostings = 500;
const mostPerTag = 200;
/** Agents with the highest scores whose reputation is compared. */
const shortlist = 100;

/** A word that so many agents share says nothing of any of them, in whatever language. */
const isCommon = (agents: number, all: number) => agents > 1_000 || (agents > 50 && agents > all / 5);

const countsOf = perShape((count: number) =>
  prepared(`countsOf${count}Words`, (db, p: Params) =>
    db
      .selectFrom('word_counts')
      .select(['word', 'agents'])
      .where('word', 'in', listed(p, 'word', count)),
  ),
);

const postingsOf = perShape((count: number) =>
  prepared(`postingsOf${count}Words`, (db, p: { limit: number } & Params) =>
    db
      .selectFrom('agent_words')
      .select('agent_id')
      .where('word', 'in', listed(p, 'word', count))
      .limit(p.limit),
  ),
);

const capableOf = perShape((count: number) =>
  prepared(`capableOf${count}Tags`, (db, p: { limit: number } & Params) =>
    listed(p, 'tag', count)
      .map((tag, i) =>
        db
          .selectFrom(
            db
              .selectFrom('agent_tags')
              .select('agent_id')
              .where('tag', '=', tag)
              .where('is_capability', '=', sql.lit(1))
              .limit(p.limit)
              .as(`tag_${i}`),
          )
          .selectAll(),
      )
      .reduce((all, one) => all.unionAll(one)),
  ),
);

/** Of so many agents, those that are active. */
const activeAgents = perShape((count: number) =>
  prepared(`active${count}Agents`, (db, p: Params) =>
    db
      .selectFrom('agents')
      .select(['id', 'reputation_e2'])
      .where('id', 'in', listed(p, 'id', count))
      .where('suspended_at', 'is', null),
  ),
);

const bestAgents = prepared('bestAgents', (db, p: { limit: number }) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('suspended_at', 'is', null)
    .orderBy('reputation_e2', 'desc')
    .orderBy('id', 'desc')
    .limit(p.limit),
);

export interface Wanted {
  readonly need: string;
  readonly tags: readonly string[];
  readonly posterId: string;
}

/**
 * The agents that share a tag or a word with a task, best first.
 *
 * @param most how many at most.
 */
export async function findAgents(reader: Reader, wanted: Wanted, most: number): Promise<string[]> {
  const scores = new Map<string, number>();
  const add = (points: number, rows: readonly { agent_id: string }[]) => {
    for (const { agent_id } of rows) scores.set(agent_id, (scores.get(agent_id) ?? 0) + points);
  };
  add(1, await sharersOfWords(reader, wordsOf(wanted.need, mostWords)));
  add(2, await sharersOfTags(reader, wanted.tags));
  scores.delete(wanted.posterId);
  const best = [...scores].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, shortlist);
  const active = new Map(
    (
      await readActive(
        reader,
        best.map(([id]) => id),
      )
    ).map(({ id, reputation_e2 }) => [id, reputation_e2]),
  );
  return best
    .filter(([id]) => active.has(id))
    .sort(([a, x], [b, y]) => y - x || active.get(b)! - active.get(a)! || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([id]) => id);
}

async function sharersOfWords(reader: Reader, words: readonly string[]): Promise<{ agent_id: string }[]> {
  if (words.length === 0) return [];
  const asked = [...words, everybody];
  const shape = shapeFor(wordShapes, asked.length);
  const counts = new Map(
    (await reader.all(countsOf(shape), listParams('word', asked, shape))).map(({ word, agents }) => [word, agents]),
  );
  const all = counts.get(everybody) ?? 0;
  counts.delete(everybody);
  const rarest = [...counts].filter(([, agents]) => agents > 0 && !isCommon(agents, all)).sort(([, a], [, b]) => a - b);
  const chosen: string[] = [];
  let postings = 0;
  for (const [word, agents] of rarest) {
    postings += agents;
    if (chosen.length > 0 && postings > mostPostings) break;
    chosen.push(word);
  }
  if (chosen.length === 0) return [];
  const size = shapeFor(wordShapes, chosen.length);
  return reader.all(postingsOf(size), { ...listParams('word', chosen, size), limit: mostPostings });
}

async function sharersOfTags(reader: Reader, tags: readonly string[]): Promise<{ agent_id: string }[]> {
  if (tags.length === 0) return [];
  return reader.all(capableOf(tags.length), { ...tagParams(tags), limit: mostPerTag });
}

/** The few statements for lists of ids. */
const idShapes = [5, 20, shortlist] as const;

/** Of these agents, at most a hundred, those that are there and not suspended. */
export async function readActive(
  reader: Reader,
  ids: readonly string[],
): Promise<{ id: string; reputation_e2: number }[]> {
  if (ids.length === 0) return [];
  const shape = shapeFor(idShapes, ids.length);
  return reader.all(activeAgents(shape), listParams('id', ids, shape));
}

/**
 * Agents for somebody else to choose from: those that suit the task, then those of the best reputation.
 *
 * @param found those that suit it, as many of them as `limits.candidates`.
 */
export async function candidates(
  reader: Reader,
  found: readonly string[],
  { posterId }: Pick<Wanted, 'posterId'>,
): Promise<string[]> {
  // Two more, since the poster and the platform's own account may be among them.
  const best = found.length < limits.candidates ? await reader.all(bestAgents, { limit: limits.candidates + 2 }) : [];
  const others = best.map(({ id }) => id).filter((id) => id !== posterId && id !== platformId);
  return [...new Set([...found, ...others])].slice(0, limits.candidates);
}
