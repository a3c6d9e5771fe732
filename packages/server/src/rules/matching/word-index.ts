import type { Tx } from '../../storage/database.ts';
import { listed, listParams, type Params, perShape, type Prepared, prepared, fitted } from '../../storage/prepared.ts';
import { wordsOf } from './words.ts';
import { storedTexts } from '../../ground/stored.ts';

/**
 * The word index: the words of each agent's `good_at`, and for each word the number of agents that share it, so that
 * the matcher can begin with the rarest. The transaction that changes `good_at` also updates the index.
 */
const mostWords = 200;

/** The word of the row in `word_counts` that counts all agents with at least one word. */
export const everybody = '';

/** Sizes of the statements for lists of words. A shorter list is padded to the next size (`fitted`). */
export const wordShapes = [8, 40, mostWords + 1] as const;

interface WordParams extends Params {
  agent: string;
}

/** How many words the agent has in the index from now on. */
interface CountedParams extends WordParams {
  words: number;
}

const addWords = perShape((count: number) =>
  prepared(`add${count}Words`, (db, p: CountedParams) =>
    db
      .insertInto('agent_words')
      .values(listed(p, 'word', count).map((word) => ({ word, agent_id: p.agent, words: p.words })))
      .onConflict((conflict) => conflict.doNothing()),
  ),
);

/** Updates the rows of the words that the agent keeps. */
const recountWords = perShape((count: number) =>
  prepared(`recount${count}Words`, (db, p: CountedParams) =>
    db
      .updateTable('agent_words')
      .set({ words: p.words })
      .where('word', 'in', listed(p, 'word', count))
      .where('agent_id', '=', p.agent),
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

/** Sizes of the statements that count. Lists are split, never padded: padding would count a word twice. */
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

/** The words are there. It is no update, because PostgreSQL locks the rows of an update in the order of its choice. */
const uncountWords = perShape((count: number) =>
  prepared(`uncount${count}Words`, (db, p: Params) =>
    db
      .insertInto('word_counts')
      .values(listed(p, 'word', count).map((word) => ({ word, agents: 0 })))
      .onConflict((conflict) =>
        conflict.column('word').doUpdateSet((eb) => ({ agents: eb('word_counts.agents', '-', 1) })),
      ),
  ),
);

/** Runs after `uncountWords`, which locks these rows, so that no other transaction can raise a count in between. */
const deleteUnsaid = perShape((count: number) =>
  prepared(`delete${count}UnsaidWords`, (db, p: Params) =>
    db
      .deleteFrom('word_counts')
      .where('word', 'in', listed(p, 'word', count))
      .where('agents', '=', 0),
  ),
);

/**
 * Replaces an agent's words in the index. The caller must already hold a lock on the agent's row.
 *
 * @param known the words that are in the index now: the JSON list in `agents.words`.
 * @param goodAt the agent's text from now on; at most 200 of its words are indexed.
 * @returns the new value of `agents.words`.
 */
export function indexWords(tx: Tx, agentId: string, known: string | null, goodAt: string | null): string {
  const before = new Set(known === null ? [] : storedTexts(known));
  const after = new Set(goodAt === null ? [] : wordsOf(goodAt, mostWords));
  const gone = [...before].filter((word) => !after.has(word));
  const added = [...after].filter((word) => !before.has(word));
  const counted = before.size > 0 ? 1 : 0;
  const counts = after.size > 0 ? 1 : 0;
  if (gone.length > 0) {
    const { size, params } = fitted(wordShapes, 'word', gone);
    tx.send(removeWords(size), { agent: agentId, ...params });
  }
  const kept = after.size === before.size ? [] : [...after].filter((word) => before.has(word));
  if (kept.length > 0) {
    const { size, params } = fitted(wordShapes, 'word', kept);
    tx.send(recountWords(size), { agent: agentId, words: after.size, ...params });
  }
  if (added.length > 0) {
    const { size, params } = fitted(wordShapes, 'word', added);
    tx.send(addWords(size), { agent: agentId, words: after.size, ...params });
  }
  const up = [...added, ...(counts > counted ? [everybody] : [])];
  const down = [...gone, ...(counts < counted ? [everybody] : [])].sort();
  for (const { words, statement } of runsOf(up, down)) inPortions(tx, statement, words);
  inPortions(tx, deleteUnsaid, down);
  return JSON.stringify([...after]);
}

type Shaped = (shape: number) => Prepared<Params, unknown>;

/**
 * Splits the words to count into runs. Every transaction locks counts in the order of the words, so all words are
 * sorted, and neighbours that are counted the same way, up or down, form one run. Counting all words up and then all
 * words down would deadlock two agents that swap words.
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

/** Runs a statement for all words, in order, in as few portions as possible. */
function inPortions(tx: Tx, statement: Shaped, words: readonly string[]): void {
  let done = 0;
  for (const portion of portions) {
    for (; words.length - done >= portion; done += portion) {
      tx.send(statement(portion), listParams('word', words.slice(done, done + portion)));
    }
  }
}
