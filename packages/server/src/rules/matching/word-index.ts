import { sql } from 'kysely';
import type { Tx } from '../../storage/database.ts';
import { listed, listParams, type Params, perShape, type Prepared, prepared, fitted } from '../../storage/prepared.ts';
import { wordsOf } from './words.ts';

/**
 * Which agents say which words of themselves: the words of `good_at`, each with the number of agents that share it, so
 * that a matcher can begin with the rarest. Kept up in the transaction that changes `good_at`.
 */
const mostWords = 200;

/** The row of `word_counts` that counts the agents with any words at all. */
export const everybody = '';

/** The few statements for lists of words. */
export const wordShapes = [8, 40, mostWords + 1] as const;

interface WordParams extends Params {
  agent: string;
}

const addWords = perShape((count: number) =>
  prepared(`add${count}Words`, (db, p: WordParams) =>
    db
      .insertInto('agent_words')
      .values(listed(p, 'word', count).map((word) => ({ word, agent_id: p.agent })))
      .onConflict((conflict) => conflict.doNothing()),
  ),
);

const removeWords = perShape((count: number) =>
  prepared(`remove${count}Words`, (db, p: WordParams) =>
    db
      .deleteFrom('agent_words')
      .where('word', 'in', listed(p, 'word', count))
      .where('agent_id', '=', p.agent),
  ),
);

/** As many words at once as there are, in these portions: a statement must not count a word twice. */
const portions = [40, 8, 1] as const;

const countWords = perShape((count: number) =>
  prepared(`count${count}Words`, (db, p: Params) =>
    db
      .insertInto('word_counts')
      .values(listed(p, 'word', count).map((word) => ({ word, agents: 1 })))
      .onConflict((conflict) =>
        conflict.column('word').doUpdateSet((eb) => ({ agents: eb('word_counts.agents', '+', 1) })),
      ),
  ),
);

const uncountWords = perShape((count: number) =>
  prepared(`uncount${count}Words`, (db, p: Params) =>
    db
      .updateTable('word_counts')
      .set({ agents: sql<number>`agents - 1` })
      .where('word', 'in', listed(p, 'word', count)),
  ),
);

/** Behind `uncountWords`, which holds these rows: nobody can have counted one of them up again meanwhile. */
const deleteUnsaid = perShape((count: number) =>
  prepared(`delete${count}UnsaidWords`, (db, p: Params) =>
    db
      .deleteFrom('word_counts')
      .where('word', 'in', listed(p, 'word', count))
      .where('agents', '=', 0),
  ),
);

/**
 * Takes the words of an agent's `good_at` into the index in place of those it had. Its row must be held already.
 *
 * @param known what stands in the index: `agents.words`.
 * @returns what `agents.words` must say from now on.
 */
export function indexWords(tx: Tx, agentId: string, known: string | null, goodAt: string | null): string {
  const before = new Set(known === null ? [] : (JSON.parse(known) as string[]));
  const after = new Set(goodAt === null ? [] : wordsOf(goodAt, mostWords));
  const gone = [...before].filter((word) => !after.has(word));
  const added = [...after].filter((word) => !before.has(word));
  const counted = before.size > 0 ? 1 : 0;
  const counts = after.size > 0 ? 1 : 0;
  if (gone.length > 0) {
    const { size, params } = fitted(wordShapes, 'word', gone);
    tx.send(removeWords(size), { agent: agentId, ...params });
  }
  if (added.length > 0) {
    const { size, params } = fitted(wordShapes, 'word', added);
    tx.send(addWords(size), { agent: agentId, ...params });
  }
  const up = [...added, ...(counts > counted ? [everybody] : [])];
  const down = [...gone, ...(counts < counted ? [everybody] : [])].sort();
  for (const { words, statement } of runsOf(up, down)) inPortions(tx, statement, words);
  inPortions(tx, deleteUnsaid, down);
  return JSON.stringify([...after]);
}

type Shaped = (shape: number) => Prepared<Params, unknown>;

/**
 * All words to count in the order in which every transaction locks their counts: words that follow each other and are
 * counted the same way, up or down, are one run. Counting all up and then all down deadlocks two agents that swap words.
 */
function runsOf(up: readonly string[], down: readonly string[]): { words: string[]; statement: Shaped }[] {
  const steps = [
    ...up.map((word) => ({ word, statement: countWords })),
    ...down.map((word) => ({ word, statement: uncountWords })),
  ].sort((a, b) => (a.word < b.word ? -1 : 1));
  const runs: { words: string[]; statement: Shaped }[] = [];
  for (const { word, statement } of steps) {
    const run = runs.at(-1);
    if (run?.statement === statement) run.words.push(word);
    else runs.push({ words: [word], statement });
  }
  return runs;
}

/** Runs a statement for all words, in their order. */
function inPortions(tx: Tx, statement: Shaped, words: readonly string[]): void {
  let done = 0;
  for (const portion of portions) {
    for (; words.length - done >= portion; done += portion) {
      tx.send(statement(portion), listParams('word', words.slice(done, done + portion)));
    }
  }
}
