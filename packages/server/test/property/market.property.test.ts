import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hourMs } from '../../src/ground/clock.ts';
import { onBothEngines } from '../support/engines.ts';
import { allCommands } from './commands.ts';
import { agentCount } from './steps.ts';
import { Model } from './model.ts';
import { openReal, verify } from './real.ts';
import { testSeed } from '../support/random.ts';
import { scale } from '../support/scale.ts';

/**
 * Random walks through the whole marketplace, compared with a small model after each step: invariants 1 to 7.
 *
 * A million steps: `PINCHWORK_TEST_COMMANDS=1000000 npx vitest run --project long property`. A failure prints its seed;
 * `PINCHWORK_TEST_SEED=…` repeats the same walk.
 */
const commandsWanted = scale('COMMANDS', { short: 400, long: 12_000 });
const commandsPerWalk = 100;

/** A step takes several times as long on PostgreSQL, so it gets fewer steps. */
const share = { SQLite: 0.7, PostgreSQL: 0.3 };

onBothEngines('the marketplace keeps its invariants', (engine) => {
  it('after each step of random walks', { timeout: 60_000 + commandsWanted * 100 }, async () => {
    const steps = { count: 0, clockRan: false };
    const wanted = commandsWanted * share[engine.name];
    // One database for all walks, because a million steps would need thousands.
    const url = await engine.marketUrl();
    const walk = fc.asyncProperty(
      fc.commands(allCommands, { maxCommands: commandsPerWalk, size: 'max' }),
      async (commands) => {
        const real = await openReal(url, agentCount, steps);
        try {
          const model = new Model(real.market.clock.now(), agentCount);
          await fc.asyncModelRun(() => ({ model, real }), commands);
          await endOfTime(model, real);
        } finally {
          await real.market.close();
          await engine.vandalise(url, ...emptying);
        }
      },
    );
    for (let round = 0; steps.count < wanted; round++) {
      const numRuns = Math.min(5, Math.ceil((wanted - steps.count) / commandsPerWalk));
      await fc.assert(walk, { seed: testSeed + round, numRuns, endOnFailure: process.env.CI === 'true' });
    }
    console.log(`${engine.name}: ${steps.count} steps, seed ${testSeed}`);
    expect(steps.count).toBeGreaterThanOrEqual(wanted);
  });
});

/** All tables that a walk writes to. */
const emptying = [
  ...['dispute_seats', 'disputes', 'dealings', 'system_tasks_posted', 'system_spending', 'outbox'],
  ...[
    'reviews',
    'rejected_deliveries',
    'task_transitions',
    'board_tags',
    'offer_tags',
    'matches',
    'task_terms',
    'stuck_timers',
    'idempotency_keys',
    'events',
  ],
  ...['trust', 'agent_tags', 'earnings', 'admin_actions'],
  ...['event_cursors', 'ledger_entries', 'accounts', 'tasks', 'api_keys', 'agents'],
].map((table) => `delete from ${table}`);

/** Without further requests, every task ends and every escrow becomes empty (invariant 7). */
async function endOfTime(model: Model, real: Awaited<ReturnType<typeof openReal>>): Promise<void> {
  for (let day = 0; day < 8; day++) {
    model.now += 24 * hourMs;
    await real.market.pass(24 * hourMs);
    model.runClock();
  }
  real.steps.clockRan = true;
  await verify(model, real);
  expect(model.tasks.filter(({ status }) => ['posted', 'claimed', 'delivered', 'disputed'].includes(status))).toEqual(
    [],
  );
  const credits = model.agents.reduce((sum, { balance }) => sum + balance, model.fees);
  expect(credits).toBeGreaterThanOrEqual(agentCount * 100);
}
