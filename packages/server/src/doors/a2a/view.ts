import type { StreamResponse, Task } from '@a2a-js/sdk';
import { isAwaited, type TaskResponse } from '@pinchwork/sdk/table';
import { present } from '../../ground/present.ts';
import { contextFor, readA2aFacts } from '../../rules/tasks/contexts.ts';
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

  /** A task that was just posted: nothing was said about it but its need. */
  async posted(task: Shown['task'], historyLength: HistoryLength): Promise<Task> {
    return withNeed(await this.#facts(task), historyLength);
  }

  /** The tasks of a list, whose histories have their needs alone. */
  async listed(tasks: readonly Shown['task'][], historyLength: HistoryLength): Promise<Task[]> {
    return (await this.#factsOfAll(tasks)).map((facts) => withNeed(facts, historyLength));
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

  async #facts(task: Shown['task']): Promise<Facts> {
    return present((await this.#factsOfAll([task]))[0], 'The facts of a task');
  }

  async #factsOfAll(tasks: readonly Shown['task'][]): Promise<Facts[]> {
    const ids = tasks.map(({ task_id }) => task_id);
    const found = await readA2aFacts(this.#ctx.db, ids);
    return tasks.map((task) => {
      const facts = present(found.get(task.task_id), 'The facts of a task');
      const contextId = contextFor(this.#client.agentId, task.task_id, facts);
      return { task, contextId, changedAt: new Date(facts.at).toISOString(), posterId: facts.poster_id };
    });
  }
}

type Facts = Omit<Shown, 'history'> & { readonly posterId: string };

const withNeed = (facts: Facts, historyLength: HistoryLength): Task =>
  toTask({ ...facts, history: historyLength === 0 ? [] : [need(facts)] });
