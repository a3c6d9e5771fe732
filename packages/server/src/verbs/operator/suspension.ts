import type { SuspendRequest, SuspendResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { minuteMs, secondMs } from '../../ground/clock.ts';
import type { Context } from '../../context.ts';
import { Loop } from '../../ground/loop.ts';
import { indexWords } from '../../rules/matching/word-index.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import { releaseClaims } from '../../rules/lifecycle/release.ts';
import { type Anonymous, readAgent } from '../agents/agents.ts';
import { resumeEndpoint } from '../../rules/webhooks/queries.ts';
import { setSuspension, setWords, suspendedSince } from '../../rules/agents/queries.ts';

/** How often a server looks for suspensions that another one has made: they bite within a second. */
const lookMs = secondMs / 2;
/** A claim that was under way when its agent was suspended may commit so much later: longer than any transaction lasts. */
const releaseMs = minuteMs;

/**
 * Suspends an agent, or ends that (docs/operating.md, "Suspending an agent"): its keys, long polls and streams stop, its
 * posted tasks leave the board, its claimed ones go back to it, its words leave the matcher's index; its deliveries, credits
 * and deadlines stay. What waits for its webhook is sent when the suspension ends.
 */
export async function suspendAgent(call: Anonymous, input: z.output<typeof SuspendRequest>): Promise<SuspendResponse> {
  const { ctx, transact } = call;
  const response = await transact('suspend', async (tx) => {
    const { id, suspended_at, suspension_reason } = await readAgent(tx, input.agent_id);
    const now = ctx.clock.now();
    const { suspended } = input;
    const reason = suspended ? (input.reason ?? null) : null;
    const { words, good_at } = (await tx.first(setSuspension, {
      id,
      suspended_at: suspended ? now : null,
      reason,
      release_until: suspended ? now + releaseMs : null,
    }))!;
    if (!suspended) tx.send(resumeEndpoint, { agent_id: id, at: now });
    tx.send(setWords, { id, words: indexWords(tx, id, words, suspended ? null : good_at) });
    const action = suspended ? 'suspend_agent' : 'unsuspend_agent';
    const before = { suspended: suspended_at !== null, reason: suspension_reason };
    logAction(call, tx, { action, subject: id, before, after: { suspended, reason } });
    tx.afterCommit(() => {
      ctx.credentials.forget();
      if (suspended) bar(ctx, id);
      else ctx.webhooks.wake();
    });
    return {
      agent_id: id,
      suspended,
      message: suspended
        ? 'The agent is suspended: its keys stop working within a second, and what it had claimed is on the board again.'
        : 'The agent is no longer suspended: its keys work again within a second, and its tasks are on the board.',
    };
  });
  if (response.suspended) await releaseClaims(ctx);
  return response;
}

/** Ends what an agent has open here. */
function bar({ watch, streams }: Pick<Context, 'watch' | 'streams'>, agentId: string): void {
  watch.bar(agentId);
  streams.bar(agentId);
}

/**
 * Ends the long polls and streams of agents that another server on the same database has suspended. Their keys stop by themselves:
 * `Credentials` looks again after half a second.
 */
export class SuspensionWatch {
  readonly #ctx: Pick<Context, 'db' | 'clock' | 'watch' | 'streams'>;
  readonly #loop: Loop;
  #since: number;

  constructor(ctx: Pick<Context, 'db' | 'clock' | 'log' | 'watch' | 'streams'>) {
    this.#ctx = ctx;
    this.#since = ctx.clock.now();
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => ctx.log.error(error, 'looking for suspensions failed'),
    );
  }

  /** An embedded database has no other servers: there is nothing to look for. */
  start(): void {
    if (this.#ctx.db.shared) this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    const { db, clock } = this.#ctx;
    const now = clock.now();
    // A suspension bears the time at which its transaction began: one that commits late lies behind `since`.
    const suspended = await db.all(suspendedSince, { since: this.#since - releaseMs });
    this.#since = now;
    for (const { id } of suspended) bar(this.#ctx, id);
    return lookMs;
  }
}
