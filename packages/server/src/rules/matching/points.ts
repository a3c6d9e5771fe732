/**
 * What a tag or a word that an agent shares with a task is worth (contract section 6). Points are whole numbers, so that
 * their sum does not depend on the order in which an engine returns the rows, and equal agents tie.
 */

/** The points of a word that only one agent uses, in a short text. */
const wordPoints = 1_000;
export const tagPoints = 2 * wordPoints;

/** In a text of up to this many words, each counts in full. */
const shortText = 12;

/**
 * How much of its points a word keeps in a text of this many words: a third for 25 words, a fourteenth for 70. It falls
 * faster than the text grows, so that all words of a stuffed text together are worth less than those of a short one.
 */
const brevity = (words: number) => Math.min(1, (shortText / words) ** 1.5);

/** From 1, if one agent uses the word, down to almost 0, if all do; on the scale of logarithms. */
const rarity = (agents: number, all: number) => Math.log1p(all / agents) / Math.log1p(all);

/**
 * The points for a shared word.
 *
 * @param counts how many agents use the word, and how many use any.
 * @param words how many words the agent's text has.
 */
export const pointsOf = ({ agents, all }: { agents: number; all: number }, words: number): number =>
  Math.round(wordPoints * rarity(agents, Math.max(all, agents)) * brevity(words));
