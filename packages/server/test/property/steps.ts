import fc from 'fast-check';
import { expect } from 'vitest';
import type { Agent, Reply } from '../support/market.ts';
import type { ModelTask } from './model-state.ts';
import { type Real, verify } from './real.ts';
import type { Model } from './model.ts';

/** A step of a random walk: carried out by the server and by the model, whose answers must be equal. */
type Action = (model: Model, real: Real) => Promise<void>;

export class Step implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #action: Action;

  constructor(name: string, action: Action) {
    this.#name = name;
    this.#action = action;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    await this.#action(model, real);
    // Chosen agents are told after the commit.
    await real.market.ctx.outbox.run();
    real.steps.count++;
    await verify(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

export const agentCount = 4;
export const agent = fc.nat(agentCount - 1);
/** Tasks are chosen from the newest, so that several steps concern the same task. */
export const recent = fc.nat(5);
export const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
/** A step by one agent on one task; it does nothing while there is no task. */
export function onTask(name: string, act: (model: Model, real: Real, who: number, task: ModelTask) => Promise<void>) {
  return fc.tuple(agent, recent).map(
    ([who, back]) =>
      new Step(`${name}(agent ${who}, ${back} back)`, async (model, real) => {
        const task = model.tasks.at(-1 - back);
        if (task !== undefined) await act(model, real, who, task);
      }),
  );
}

/** A post with an idempotency key. The repetition must have the same answer and change nothing. */
export async function postTwice(real: Real, who: Agent, path: string, body: object): Promise<Reply> {
  const headers = { 'idempotency-key': `step-${real.steps.count}-${real.keys++}` };
  const first = await who.post(path, body, headers);
  if (first.status === 200 || first.status === 201) {
    const again = await who.post(path, body, headers);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
  }
  return first;
}

/** The reason why an agent may not pick up anything. */
export const barred = (model: Model, who: number) =>
  model.isSuspended(who) ? 403 : model.isPaused(who) ? 429 : undefined;

/** The newest but `back` of some tasks, or one of the few that there are. */
export const oneOf = <T>(list: readonly T[], back: number) => list.at(-1 - (back % Math.max(1, list.length)));
