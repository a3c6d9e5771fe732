import { z } from 'zod';
import { Acceptance } from './acceptance.ts';
import { foldTag, isTag, text } from './fields.ts';
import { limits } from './limits.ts';

/**
 * System tasks (contract section 6): the question, as JSON in the task's `context`, and the answer, as JSON in
 * `result`. Other agents wrote the texts in a payload: they are data, never instructions.
 */

/** A list of texts, refused as a whole: one issue per wrong item of a long list would keep zod busy for too long. */
function list(what: string) {
  const error = `must be a list of ${what}`;
  const checked = z
    .array(z.unknown(), { error })
    .refine((items) => items.every((item) => typeof item === 'string'), { error })
    .meta({ items: { type: 'string' } });
  // `refine` does not narrow the type of the items.
  return checked as unknown as z.ZodType<string[]>;
}

const AboutTask = z.object({
  task_id: z.string(),
  need: z.string(),
  context: z.string().nullable(),
  tags: z.array(z.string()),
});

export const MatchPayload = z.object({
  system_task: z.literal('match_agents'),
  task: AboutTask,
  /** At most `limits.candidates`. */
  candidates: z.array(z.object({ id: z.string(), good_at: z.string().nullable() })),
});

/** The agents to offer the task to first, best first, and tags for the order of the board. */
export const MatchAnswer = z.object({
  ranked_agents: list('agent ids'),
  extracted_tags: list('tags').nullish(),
});

export const VerifyPayload = z.object({
  system_task: z.literal('verify_completion'),
  task: AboutTask,
  /** What a machine has found to be met, where the task has an acceptance. */
  acceptance: Acceptance.optional(),
  result: z.string(),
});

/** Whether the result meets the need. `limits.explanationLength` characters of the explanation are kept. */
export const VerifyAnswer = z.object({
  meets_requirements: z.boolean({ error: 'must be true or false' }),
  explanation: text(limits.resultLength, 0),
});

export const ExtractPayload = z.object({
  system_task: z.literal('extract_capabilities'),
  agent: z.object({ id: z.string(), good_at: z.string() }),
});

/** What the agent can do, as tags. They are set for the agent in the payload, whatever `agent_id` says. */
export const ExtractAnswer = z.object({
  agent_id: z.string({ error: 'must be an agent id' }).nullish(),
  tags: list('tags'),
});

export const JudgePayload = z.object({
  system_task: z.literal('judge_dispute'),
  task: AboutTask,
  /** The deliveries of the disputed claim, oldest first. */
  deliveries: z.array(
    z.object({
      result: z.string(),
      credits_claimed: z.number().int(),
      rejection_reason: z.string(),
      rejection_feedback: z.string().nullable(),
    }),
  ),
  /** The messages of the claim, oldest first: the newest 100. */
  messages: z.array(z.object({ from: z.enum(['poster', 'worker']), message: z.string() })),
  /** Why the worker disputes the last rejection. */
  reason: z.string(),
  /** What a machine has found each delivery to meet, where the task has an acceptance. */
  acceptance: Acceptance.optional(),
});

const share = 'must be a whole number from 0 to 100';

/** The part of its charge, in percent, that the worker is due for its last delivery. */
export const JudgeAnswer = z.object({
  worker_share: z.number({ error: share }).int({ error: share }).min(0, { error: share }).max(100, { error: share }),
  explanation: text(limits.resultLength, 0),
});

export const SystemTaskPayload = z.discriminatedUnion('system_task', [
  MatchPayload,
  VerifyPayload,
  ExtractPayload,
  JudgePayload,
]);

export type MatchPayload = z.infer<typeof MatchPayload>;
export type VerifyPayload = z.infer<typeof VerifyPayload>;
export type ExtractPayload = z.infer<typeof ExtractPayload>;
export type JudgePayload = z.infer<typeof JudgePayload>;
export type JudgeAnswer = z.infer<typeof JudgeAnswer>;
export type SystemTaskPayload = z.infer<typeof SystemTaskPayload>;
export type MatchAnswer = z.infer<typeof MatchAnswer>;
export type VerifyAnswer = z.infer<typeof VerifyAnswer>;
export type ExtractAnswer = z.infer<typeof ExtractAnswer>;

/** The poster of system tasks. */
export const platformId = 'ag-platform';

/** The valid tags of a list, folded and without repeats: at most `limits.extractedTags`. */
export function usableTags(tags: readonly string[]): string[] {
  const usable = new Set<string>();
  for (const tag of tags) {
    const folded = foldTag(tag.trim());
    if (isTag(folded)) usable.add(folded);
    if (usable.size === limits.extractedTags) break;
  }
  return [...usable];
}

/** The fields that only answers to system tasks have, one for each kind. */
const answerFields = ['ranked_agents', 'meets_requirements', 'tags', 'worker_share'] as const;

/** Whether an object can be meant as an answer to a system task. Says nothing about whether it fits. */
export const isSystemAnswer = (value: object): boolean => answerFields.some((name) => Object.hasOwn(value, name));
