import type { Problem } from '@pinchwork/sdk/table';
import { DomainError, invalid } from '../../ground/errors.ts';
import { transitions } from '../../ground/machine.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import { noteUnfit, readTerms, type Terms } from '../../rules/tasks/terms.ts';
import type { Tx } from '../../storage/database.ts';
import type { Call } from '../context.ts';

/** A claim of a task that has terms. */
export interface ClaimWithTerms {
  /** The claim that the result is for. The delivery names it, because the agent may lose it meanwhile. */
  readonly claimNumber: number;
  /** A task keeps its terms. */
  readonly terms: Terms;
}

/** What a result is compared with before it is delivered (contract section 3a). */
export interface ToCheck extends ClaimWithTerms {
  /** As JSON. */
  readonly acceptance: string;
}

interface Claim {
  readonly taskId: string;
  readonly agentId: string;
  /** The claim that the agent means; null for the current one. */
  readonly claimNumber: number | null;
  readonly now: number;
}

/** The agent's claim on a task that has terms; undefined if it has none that it could deliver now. */
export async function claimWithTerms(
  tx: Tx,
  { taskId, agentId, claimNumber, now }: Claim,
): Promise<ClaimWithTerms | undefined> {
  const task = await tx.first(taskById, { id: taskId });
  const isClaim =
    task?.has_terms === 1 &&
    task.deliveries_left !== 0 &&
    task.worker_id === agentId &&
    task.claim_number === (claimNumber ?? task.claim_number) &&
    task.status === transitions.deliver.from &&
    (task.due_at === null || task.due_at > now);
  if (!isClaim) return undefined;
  return { claimNumber: task.claim_number, terms: await readTerms(tx, task) };
}

/**
 * Compares a result with the acceptance of its task. One that does not fit changes nothing but this: the worker may
 * give the claim up without having it counted.
 *
 * @throws DomainError `not_acceptable` with what does not fit; `overloaded`.
 */
export async function checkResult(
  { ctx, agentId }: Call,
  { taskId, result, claimNumber, acceptance }: ToCheck & { readonly taskId: string; readonly result: string },
): Promise<void> {
  const problems = await ctx.checks.check(agentId, acceptance, result);
  if (problems.length === 0) return;
  await ctx.db.transact('note unfit', async (tx) => {
    tx.send(noteUnfit, { id: taskId, actor: agentId, claim_number: claimNumber });
  });
  throw notAcceptable(problems);
}

/** All of it stands in `problems`. */
const longestReason = 250;

function notAcceptable(problems: readonly Problem[]): DomainError {
  const [first] = problems;
  const said = `${first?.path ?? ''} ${first?.message ?? ''}`.trim();
  const short = said.length <= longestReason ? said : `${said.slice(0, longestReason)}…`.toWellFormed();
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new DomainError(
    'not_acceptable',
    `The result does not fit the acceptance of the task: ${short}${more}`,
    'Nothing was changed and no rejection is spent: mend the result as "problems" says, and deliver it again.',
    { problems },
  );
}

/**
 * Checks the terms that a machine is to apply to deliveries.
 *
 * @param acceptance as JSON; null: none.
 * @throws DomainError `invalid_request` for an acceptance that can't be compiled, and where nothing says what fits.
 */
export async function checkAcceptance(
  { ctx, agentId }: Call,
  { acceptance, auto_approve, for_agents }: Pick<Terms, 'acceptance' | 'auto_approve' | 'for_agents'>,
): Promise<void> {
  if (acceptance !== null) await ctx.checks.compile(agentId, acceptance);
  else if (auto_approve !== null && for_agents === null) {
    throw invalid(
      'auto_approve: needs an acceptance or for_agents',
      'Say in "acceptance" what a machine can check of a delivery, or choose the agents that you trust.',
    );
  }
}
