import { ExtractAnswer, isId, limits, MatchAnswer, usableTags, VerifyAnswer, type Verification } from '@pinchwork/sdk';
import { sql } from 'kysely';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { invalid } from '../../ground/errors.ts';
import type { NewEvent } from '../events/append.ts';
import { readActive } from '../matching/matcher.ts';
import { setMatches } from '../matching/matches.ts';
import { tagParams } from '../../storage/tags.ts';
import { taskById, type MovedTask } from '../tasks/queries.ts';
import { holdAgents, setVerification } from './queries.ts';

/** Ids of an answer that are looked up: odd ones among them must not cost the good ones their place. */
const mostLookedUp = 100;

/**
 * Takes the answer to one of the platform's own tasks for what it says (contract section 6). Answers that fit, though
 * odd, are taken: what can't count in them is dropped. The task's own row must have moved already.
 *
 * @returns the events that tell others of it.
 * @throws DomainError `invalid_request` that says why an answer does not fit.
 */
export async function apply(work: Work, task: MovedTask, answer: Answer, workerId: string): Promise<NewEvent[]> {
  switch (answer.kind) {
    case 'match':
      await applyMatch(work, task, answer.value);
      return [];
    case 'verify':
      return applyVerification(work, task, answer.value, workerId);
    case 'extract':
      await applyTags(work.tx, task.about_id!, workerId, usableTags(answer.value.tags));
      return [];
  }
}

type Answer =
  | { readonly kind: 'match'; readonly value: MatchAnswer }
  | { readonly kind: 'verify'; readonly value: VerifyAnswer }
  | { readonly kind: 'extract'; readonly value: ExtractAnswer };

const schemas = { match: MatchAnswer, verify: VerifyAnswer, extract: ExtractAnswer };

const fence = '```';

/** What each kind of answer must look like, for whoever sent another one. */
const shapes = {
  match: '{"ranked_agents": ["ag-…"], "extracted_tags": ["…"]}',
  verify: '{"meets_requirements": true, "explanation": "…"}',
  extract: '{"agent_id": "ag-…", "tags": ["…"]}',
};

/**
 * Reads an answer out of a delivery: JSON, also in a fence as language models like to put it.
 *
 * @throws DomainError `invalid_request` that says what does not fit.
 */
export function readAnswer(kind: Answer['kind'], result: string): Answer {
  const hint = `Deliver JSON like ${shapes[kind]}; the task is still yours.`;
  let value: unknown;
  try {
    value = JSON.parse(unfenced(result));
  } catch {
    throw invalid('The answer to this task must be JSON', hint);
  }
  const { data, error } = (schemas[kind] as z.ZodType).safeParse(value);
  if (error === undefined) return { kind, value: data } as Answer;
  const { path, message } = error.issues[0]!;
  throw invalid(
    path.length === 0 ? 'The answer must be a JSON object' : `The answer does not fit: ${path.join('.')} ${message}`,
    hint,
  );
}

/** Without a regular expression: over half a million line breaks, one takes minutes to find that there is no fence. */
function unfenced(text: string): string {
  const trimmed = text.trim();
  const isFenced = trimmed.startsWith(fence) && trimmed.endsWith(fence);
  return isFenced ? trimmed.slice(trimmed.indexOf('\n') + 1, -fence.length) : trimmed;
}

async function applyMatch(work: Work, task: MovedTask, { ranked_agents, extracted_tags }: MatchAnswer): Promise<void> {
  const { tx } = work;
  const about = (await tx.first(taskById, { id: task.about_id! }))!;
  const asked = [...new Set(ranked_agents)]
    // Whoever has been asked about the task may not work on it.
    .filter((id) => isId('agent', id) && id !== about.poster_id && !about.inspectors.includes(id))
    .slice(0, mostLookedUp);
  const active = new Set((await readActive(tx, asked)).map(({ id }) => id));
  const agents = asked.filter((id) => active.has(id)).slice(0, limits.rankedAgents);
  const hints = usableTags(extracted_tags ?? []);
  await setMatches(work, about, { agents, hints, awaited: task.id });
}

async function applyVerification(
  { tx, now }: Work,
  task: MovedTask,
  { meets_requirements, explanation }: VerifyAnswer,
  verifierId: string,
): Promise<NewEvent[]> {
  const said = { meets_requirements, explanation: Array.from(explanation).slice(0, limits.explanationLength).join('') };
  const verification: Verification = { ...said, verified_at: wireTime(now), verifier_id: verifierId };
  const about = await tx.first(setVerification, {
    id: task.about_id!,
    version: task.about_version!,
    verification: JSON.stringify(verification),
  });
  if (about === undefined) return [];
  return [about.poster_id, about.worker_id!].map((agentId) => ({
    agentId,
    taskId: task.about_id!,
    type: 'task_verified',
    data: said,
  }));
}

interface TagParams extends Params {
  agent: string;
}

/** What it has neither worked nor been rated under is no more than a capability, and goes with it. */
const deleteMereCapabilities = prepared('deleteMereCapabilities', (db, p: { agent: string }) =>
  db
    .deleteFrom('agent_tags')
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1))
    .where(sql`tasks_completed + rating_count`, '=', 0),
);

const clearCapabilities = prepared('clearCapabilities', (db, p: { agent: string }) =>
  db
    .updateTable('agent_tags')
    .set({ is_capability: 0 })
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1)),
);

const setCapabilities = perShape((count: number) =>
  prepared(`set${count}Capabilities`, (db, p: TagParams) =>
    db
      .insertInto('agent_tags')
      .values(listed(p, 'tag', count).map((tag) => ({ agent_id: p.agent, tag, name: tag, is_capability: 1 })))
      .onConflict((conflict) => conflict.columns(['agent_id', 'tag']).doUpdateSet({ is_capability: 1 })),
  ),
);

/** Forgets what an agent was said to be able to do. Its row must be held already. */
export function forgetCapabilities(tx: Tx, agent: string): void {
  tx.send(deleteMereCapabilities, { agent });
  tx.send(clearCapabilities, { agent });
}

/** Sets the tags of the agent that was asked about. Whoever answers is paid next: both rows are held, in their order. */
async function applyTags(tx: Tx, agent: string, workerId: string, tags: readonly string[]): Promise<void> {
  const held = await tx.all(holdAgents, { one: agent, other: workerId });
  forgetCapabilities(tx, agent);
  // It may have stopped saying anything meanwhile.
  const saysSomething = held.some(({ id, good_at }) => id === agent && good_at !== null && good_at !== '');
  if (tags.length === 0 || !saysSomething) return;
  tx.send(setCapabilities(tags.length), { agent, ...tagParams(tags) });
}
