import { minuteMs } from '../../ground/clock.ts';
import type { Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { endKey, liveKeys } from '../agents/key-queries.ts';
import * as ledger from '../ledger/ledger.ts';
import { indexWords } from '../matching/word-index.ts';
import { releaseMs } from '../operator/suspension.ts';
import { applyOwnTags } from '../agents/capabilities.ts';
import { deletePushesOf } from '../pushes/queries.ts';
import { replaceReceiver } from '../webhooks/holding.ts';
import { switchWebhook } from '../webhooks/queries.ts';
import { closeAgent } from './queries.ts';

/** Tells the job on this server that a deleted agent's texts are to be removed. */
export const textsDue = Symbol('texts of a deleted agent are to be removed');

/** A server that stops in the middle of the removal leaves the agent to the others after this time. */
export const resumeMs = 10 * minuteMs;

/** An agent whose row the caller has locked. */
interface HeldAgent {
  readonly id: string;
  readonly words: string | null;
}

/**
 * Ends an agent's keys, empties its profile and moves its credits to the fees. The deletion does it, and then the job
 * again: a request that was let in just before may have given the agent something at the same moment.
 *
 * @param eraseDueAt when the job looks at the agent next.
 */
export async function close(work: Work, { id, words }: HeldAgent, eraseDueAt: number): Promise<void> {
  const { ctx, tx, now } = work;
  for (const key of await tx.all(liveKeys, { agent_id: id, now })) tx.send(endKey, { id: key.id, at: now });
  applyOwnTags(tx, { id: id, own_tags: null, extracted_tags: '[]' });
  const release_until = now + releaseMs;
  const noWords = indexWords(tx, id, words, null);
  tx.send(closeAgent, { id, words: noWords, now, release_until, erase_due_at: eraseDueAt });
  const transfer = { transferId: ctx.newId('ledgerEntry'), at: now };
  await ledger.debit(tx, transfer, { agentId: id, amount: Number.MAX_SAFE_INTEGER, reason: 'account_closed' });
  tx.send(deletePushesOf, { agent_id: id });
  tx.send(switchWebhook, { agent_id: id, on: 0 });
  await replaceReceiver(work, id, null);
}

/** Announces the removal of a deleted agent's texts after the commit. */
export const callErasure = (tx: Tx): void => tx.signal(textsDue);
