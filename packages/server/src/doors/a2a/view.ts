import type { StreamResponse, Task } from '@a2a-js/sdk';
import { isAwaited, type TaskResponse } from '@pinchwork/sdk/table';
import { a2aFacts, contextIdIn } from '../../rules/tasks/contexts.ts';
import { followTask } from '../../rules/tasks/wait.ts';
import type { Subscription } from '../../rules/tasks/watch.ts';
import type { Context } from '../../verbs/context.ts';
import { readOwn, show } from '../../verbs/tasks/read.ts';
import type { Client } from './calls.ts';
import { historyOf, need } from './history.ts';
import { artifactOf, type Shown, statusOf, toTask } from './task.ts';

/** How many messages of its history a task is shown with; all of those that there are where it is not said. */
export type HistoryLength = number | undefined;

/** Shows tasks to a client as A2A does. */
export class View {
  readonly #ctx: Context;
  readonly #client: Client;

  constructor(ctx: Context, client: Client) {
    this.#ctx = ctx;
    this.#client = client;
  }

  /** A task of REST's reply. */
  async task(task: Shown['task'], historyLength?: HistoryLength): Promise<Task> {
    const facts = await this.#facts(task);
    const reader = { ctx: this.#ctx, agentId: this.#client.agentId };
    const history = historyLength === 0 ? [] : await historyOf(reader, facts, facts.posterId, historyLength);
    return toTask({ ...facts, history });
  }

  /** A task about which nothing was said but its need, or of which nothing else is shown. */
  async plain(task: Shown['task'], historyLength?: HistoryLength): Promise<Task> {
    const facts = await this.#facts(task);
    return toTask({ ...facts, history: historyLength === 0 ? [] : [need(facts)] });
  }

  /** @throws DomainError `not_found` where the client may not read it. */
  async read(taskId: string): Promise<TaskResponse> {
    const { agentId } = this.#client;
    return show(this.#ctx, await readOwn(this.#ctx, agentId, taskId), agentId);
  }

  /** A task, then what changes of it, until it waits for its client or has ended. */
  async *changes(taskId: string, place: Subscription): AsyncGenerator<StreamResponse, void, undefined> {
    const { signal } = this.#client;
    let before: TaskResponse | undefined;
    for await (const _ of followTask(this.#ctx, place, { taskId, signal })) {
      const task = await this.read(taskId);
      if (before === undefined) yield { payload: { $case: 'task', value: await this.task(task) } };
      else yield* this.#updates(task, before.result);
      if (isAwaited(task.status)) return;
      before = task;
    }
  }

  async *#updates(task: TaskResponse, earlier: string | null): AsyncGenerator<StreamResponse, void, undefined> {
    const facts = await this.#facts(task);
    const of = { taskId: task.task_id, contextId: facts.contextId, metadata: undefined };
    if (task.result !== null && task.result !== earlier) {
      const value = { ...of, artifact: artifactOf(task.result), append: false, lastChunk: true };
      yield { payload: { $case: 'artifactUpdate', value } };
    }
    yield { payload: { $case: 'statusUpdate', value: { ...of, status: statusOf(facts) } } };
  }

  async #facts(task: Shown['task']): Promise<Omit<Shown, 'history'> & { readonly posterId: string }> {
    const { at, context_key, poster_id } = await this.#ctx.db.one(a2aFacts, { id: task.task_id });
    const contextId = contextIdIn(context_key) ?? task.task_id;
    return { task, contextId, changedAt: new Date(at).toISOString(), posterId: poster_id };
  }
}
