import type { Random } from '../../packages/server/test/support/random.ts';

/** The words and tags of the benchmark's world, with frequencies after Zipf's law. */
export interface Language {
  word(): string;
  tag(): string;
  text(words: number): string;
}

const syllables = ['ka', 'ne', 'ri', 'to', 'su', 'mi', 'la', 'bo', 'den', 'pa', 'vi', 'gor', 'he', 'ju', 'fe', 'ty'];
const vocabulary = 30_000;
const tagCount = 2_000;

/** Five syllables are enough for all words; common words are short. */
function wordAt(rank: number): string {
  let text = '';
  for (let rest = rank + syllables.length; rest > 0; rest = Math.floor(rest / syllables.length)) {
    text += syllables[rest % syllables.length]!;
  }
  return text;
}

const tagAt = (rank: number) => `${wordAt(rank)}-${rank}`;

export const samples = {
  commonWord: wordAt(0),
  rareWord: wordAt(vocabulary - 1),
  /** Each of its trigrams is in very many texts; the whole word is in no text of a small board. */
  longWord: 'karitonesumilabo',
  letter: 'y',
  /** In no text, and too short for an index. */
  absentLetter: 'q',
  absentWord: 'xyzzyqx',
  commonTag: tagAt(0),
  rareTag: tagAt(tagCount - 1),
  absentTag: 'absent',
  /** Each tag is on a tenth of all tasks; no task has both. */
  neverMeeting: ['left', 'right'],
} as const;

export function speak(random: Random): Language {
  const fine = 2 ** 30;
  // The frequency is proportional to 1 / rank: the logarithm of the rank is uniform.
  const rank = (count: number) => Math.floor(count ** (random.below(fine) / fine)) - 1;
  const word = () => wordAt(rank(vocabulary));
  return {
    word,
    tag: () => tagAt(rank(tagCount)),
    text: (words) => Array.from({ length: words }, word).join(' '),
  };
}
