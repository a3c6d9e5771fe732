import { limits, platformId } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import type { Reader } from '../../storage/database.ts';
import { fitted, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { isActive } from '../agents/queries.ts';
import { tagParams } from '../../storage/tags.ts';
import { everybody, wordShapes } from './word-index.ts';
import { pointsOf, tagPoints } from './points.ts';
import { wordsOf } from './words.ts';

/**
 * Finds the agents that suit a task (contract section 6): by the capability tags that they share with the task and the
 * words that their `good_at` shares with the need (`points.ts`). Reputation breaks ties. The matcher reads postings,
 * rarest words first, and never loops over all agents, so that it can run while a task is created (0.2 ms among 100,000
 * agents).
 */

/** At most this many agents are chosen by the built-in matcher (contract section 6). */
export const mostMatched = 5;
/**
 * Agents read of those with the most points: first as many, then, if there are too few with approved work among them, up
 * to this many in all. The last read takes all agents that tie.
 */
const firstRead = 20;
const mostRead = 200;

/** At most this many words of a need are used. */
const mostWords = 200;
/** At most this many postings are read; the rarest word is always read, even if it has more. */
const mostPostings = 500;
/** Active agents read per tag from each end of the id order: the first and the last to register. */
const mostPerEnd = 100;
/** Rows read per tag and end to find the active ones: the bound where many agents are suspended. */
const reachPerEnd = 1_000;
/**
 * If more agents than both ends hold have a tag, the tag is also looked up among the agents with the best reputation
 * and among those that share the most words with the need.
 */
const mostReputed = 200;
const mostWordy = 100;

/**
 * A word that more agents than this share does not tell them apart. This works in any language, without a stop list.
 */
const commonest = 1_000;
const isCommon = (agents: number, all: number) => agents > commonest || (agents > 50 && agents > all / 5);

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
      .select(['word', 'agent_id', 'words'])
      .where('word', 'in', listed(p, 'word', count))
      .limit(p.limit),
  ),
);

const capableOf = perShape((count: number) =>
  prepared(`capableOf${count}Tags`, (db, p: Params) =>
    listed(p, 'tag', count)
      .flatMap((tag, i) =>
        (['asc', 'desc'] as const).map((direction) => {
          const reach = db
            .selectFrom('agent_tags')
            .select(['tag', 'agent_id'])
            .where('tag', '=', tag)
            .where('is_capability', '=', sql.lit(1))
            .orderBy('agent_id', direction)
            .limit(sql.lit(reachPerEnd))
            .as(`tag_${i}`);
          const active = db
            .selectFrom(reach)
            .selectAll()
            .where(isActive(sql.ref(`tag_${i}.agent_id`)))
            .limit(sql.lit(mostPerEnd))
            .as(`active_${i}`);
          return db.selectFrom(active).selectAll();
        }),
      )
      .reduce((all, one) => all.unionAll(one)),
  ),
);

/** The capability tags among `tag_0`, `tag_1`, … of each agent in a JSON list of ids. */
const capableAmong = perShape((count: number) =>
  prepared(`capableAmong${count}Tags`, (db, p: { agents: string } & Params, engine) =>
    db
      .selectFrom('agent_tags')
      .select(['tag', 'agent_id'])
      .where(engine.isListed('agent_id', p.agents))
      .where('tag', 'in', listed(p, 'tag', count))
      .where('is_capability', '=', sql.lit(1)),
  ),
);

/** The existing, active agents among a JSON list of ids. */
const activeAgents = prepared('activeAgents', (db, p: { agents: string }, engine) =>
  db
    .selectFrom('agents')
    .select(['id', 'standing_e3', 'deliveries_approved'])
    .where(engine.isListed('id', p.agents))
    .where('suspended_at', 'is', null),
);

const bestAgents = prepared(
  'bestAgents',
  (db, p: { limit: number }) =>
    db
      .selectFrom('agents')
      .select('id')
      .where('suspended_at', 'is', null)
      .orderBy('standing_e3', 'desc')
      .orderBy('id', 'desc')
      .limit(p.limit),
  { bounded: 'at most `limit` agents from the beginning of the index by reputation' },
);

/** An active agent that suits a task. */
interface Suited {
  readonly id: string;
  /** Whether none of its work was ever approved. */
  readonly isNewcomer: boolean;
}

interface Shared {
  readonly agent_id: string;
  readonly points: number;
}

interface Wanted {
  readonly need: string;
  readonly tags: readonly string[];
  readonly posterId: string;
}

/**
 * Finds the active agents that share a capability tag or a word with a task, without its poster.
 *
 * @param wanted the task's need, its folded tags and its poster.
 * @param most how many are wanted; the result has more where only that gives `choose` its choice.
 * @returns agents, most points first, then best reputation, then smallest id.
 */
export async function findAgents(reader: Reader, wanted: Wanted, most: number): Promise<Suited[]> {
  const scores = new Map<string, number>();
  const add = (rows: readonly Shared[]) => {
    for (const { agent_id, points } of rows) scores.set(agent_id, (scores.get(agent_id) ?? 0) + points);
  };
  add(await sharersOfWords(reader, wordsOf(wanted.need, mostWords)));
  const wordiest = byScore(scores).flatMap(([, ids]) => ids.sort());
  add(await sharersOfTags(reader, wanted.tags, wordiest.slice(0, mostWordy)));
  scores.delete(wanted.posterId);
  const found: Suited[] = [];
  const groups = byScore(scores).values();
  let read = 0;
  for (const upto of [Math.max(firstRead, most), mostRead]) {
    if (found.length >= most && choose(found).agents.length >= mostMatched) break;
    const ids: string[] = [];
    while (read + ids.length < upto) {
      const { value } = groups.next();
      if (value === undefined) break;
      ids.push(...value[1]);
    }
    read += ids.length;
    const active = await readActive(reader, ids);
    const points = ({ id }: { id: string }) => scores.get(id) ?? 0;
    active.sort((a, b) => points(b) - points(a) || b.standing_e3 - a.standing_e3 || (a.id < b.id ? -1 : 1));
    found.push(...active.map(({ id, deliveries_approved }) => ({ id, isNewcomer: deliveries_approved === 0 })));
  }
  return found;
}

/**
 * Chooses the agents for which a task is ranked where no infra agent ranks them: the best, and of newcomers at most one,
 * so that nobody takes the places with new accounts.
 *
 * @param found agents that suit the task, best first.
 * @returns at most `mostMatched` ids, best first, and which of them is the newcomer.
 */
export function choose(found: readonly Suited[]): { agents: string[]; newcomer: string | undefined } {
  const best = found.find(({ isNewcomer }) => isNewcomer);
  const chosen = found.filter((agent) => !agent.isNewcomer || agent === best).slice(0, mostMatched);
  return { agents: chosen.map(({ id }) => id), newcomer: chosen.find(({ isNewcomer }) => isNewcomer)?.id };
}

/** Agents grouped by score, highest score first. */
const byScore = (scores: ReadonlyMap<string, number>) =>
  [...Map.groupBy(scores, ([, score]) => score)]
    .map(([score, agents]) => [score, agents.map(([id]) => id)] as const)
    .sort(([a], [b]) => b - a);

async function sharersOfWords(reader: Reader, words: readonly string[]): Promise<Shared[]> {
  if (words.length === 0) return [];
  const asked = fitted(wordShapes, 'word', [...words, everybody]);
  const counts = new Map(
    (await reader.all(countsOf(asked.size), asked.params)).map(({ word, agents }) => [word, agents]),
  );
  const all = counts.get(everybody) ?? 0;
  counts.delete(everybody);
  // The word breaks ties, because the engines return rows in different orders.
  const rarest = [...counts]
    .filter(([, agents]) => agents > 0 && !isCommon(agents, all))
    .sort(([word, a], [other, b]) => a - b || (word < other ? -1 : 1));
  const chosen: string[] = [];
  let postings = 0;
  for (const [word, agents] of rarest) {
    postings += agents;
    if (chosen.length > 0 && postings > mostPostings) break;
    chosen.push(word);
  }
  if (chosen.length === 0) return [];
  const { size, params } = fitted(wordShapes, 'word', chosen);
  const rows = await reader.all(postingsOf(size), { ...params, limit: commonest });
  return rows.map(({ word, agent_id, words }) => {
    return { agent_id, points: pointsOf({ agents: counts.get(word) ?? 1, all }, words) };
  });
}

/** @param wordiest agents with the most points for words; checked for tags that too many agents have. */
async function sharersOfTags(reader: Reader, tags: readonly string[], wordiest: readonly string[]): Promise<Shared[]> {
  if (tags.length === 0) return [];
  const ends = await reader.all(capableOf(tags.length), tagParams(tags));
  const isPopular = ends.length >= 2 * mostPerEnd;
  const others = isPopular ? await reader.all(bestAgents, { limit: mostReputed }) : [];
  const agents = JSON.stringify([...wordiest, ...others.map(({ id }) => id)]);
  const among = isPopular ? await reader.all(capableAmong(tags.length), { ...tagParams(tags), agents }) : [];
  // If few agents have a tag, both ends return the same rows.
  const distinct = new Map([...ends, ...among].map(({ tag, agent_id }) => [`${tag} ${agent_id}`, agent_id]));
  return [...distinct.values()].map((agent_id) => ({ agent_id, points: tagPoints }));
}

/** Reads the existing, active agents among `ids`, in no particular order. */
export async function readActive(
  reader: Reader,
  ids: readonly string[],
): Promise<{ id: string; standing_e3: number; deliveries_approved: number }[]> {
  return ids.length === 0 ? [] : reader.all(activeAgents, { agents: JSON.stringify(ids) });
}

/**
 * Lists the agents that a matching task offers to its worker: those that suit the task, then those with the best
 * reputation.
 *
 * @param found the agents that suit the task, best first.
 * @returns at most `limits.candidates` ids, without the poster and the platform.
 */
export async function candidates(
  reader: Reader,
  found: readonly Suited[],
  { posterId }: Pick<Wanted, 'posterId'>,
): Promise<string[]> {
  // Two extra rows, because the poster and the platform's account may be among them.
  const best = found.length < limits.candidates ? await reader.all(bestAgents, { limit: limits.candidates + 2 }) : [];
  const others = best.map(({ id }) => id).filter((id) => id !== posterId && id !== platformId);
  return [...new Set([...found.map(({ id }) => id), ...others])].slice(0, limits.candidates);
}
