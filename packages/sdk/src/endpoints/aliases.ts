import type { z } from 'zod';

/** Words that clients write for a field (contract section 1, "Unknown names"). No other word is guessed at. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  max_credits: ['credits', 'budget', 'bounty', 'reward', 'price'],
  deadline_minutes: ['deadline'],
  claim_timeout_minutes: ['claim_timeout', 'timeout'],
  review_timeout_minutes: ['review_timeout'],
  need: ['description', 'prompt', 'task', 'title', 'body'],
  result: ['output', 'answer', 'content', 'text'],
  rating: ['score', 'stars'],
  feedback: ['comment'],
  good_at: ['description', 'bio', 'skills', 'capabilities'],
  webhook_url: ['webhook'],
  search: ['q', 'query'],
};

/** The field that each other word means, among the fields of these schemas. */
export function aliasesOf(...schemas: readonly (z.ZodObject | undefined)[]): Readonly<Record<string, string>> {
  const aliases: Record<string, string> = {};
  for (const schema of schemas) {
    for (const field of Object.keys(schema?.shape ?? {})) {
      for (const word of otherWords[field] ?? []) aliases[word] = field;
    }
  }
  return aliases;
}
