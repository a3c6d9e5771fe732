import {
  AgentCard,
  type DeleteTaskPushNotificationConfigRequest,
  type GetTaskPushNotificationConfigRequest,
  type GetTaskRequest,
  type ListTaskPushNotificationConfigsRequest,
  type ListTaskPushNotificationConfigsResponse,
  type ListTasksRequest,
  type ListTasksResponse,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
  type TaskPushNotificationConfig,
} from '@a2a-js/sdk';
import {
  ExtendedAgentCardNotConfiguredError,
  RequestMalformedError,
  TaskNotCancelableError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import { endpoints } from '@pinchwork/sdk/table';
import { isEnded } from '../../ground/states.ts';
import type { Subscription } from '../../rules/tasks/watch.ts';
import { awaitResult } from '../../verbs/tasks/read.ts';
import type { Calls } from './calls.ts';
import { listPage } from './list.ts';
import { deletePush, getPush, listPushes, pushRequest, setPush } from './pushes.ts';
import { read, type Said } from './said.ts';
import { isRefusal, post, speak, withHint } from './speech.ts';
import type { Shown } from './task.ts';
import type { Version } from './versions.ts';
import { type HistoryLength, View } from './view.ts';

/** The longest wait of a blocking send. Clients and proxies give up after a minute. */
const waitSeconds = 50;

interface Named {
  readonly id: string;
}

/** The methods of A2A, for a request of one client. */
export class Requests implements A2ARequestHandler {
  /** What a method has thrown, as it was: the package makes an answer of it. */
  failure: Error | undefined;
  /** Whether the parameters could be read, so that a method was called. */
  isCalled = false;
  readonly #calls: Calls;
  readonly #version: Version;
  readonly #view: View;

  constructor(calls: Calls, version: Version) {
    this.#version = version;
    this.#calls = calls;
    this.#view = new View(calls.ctx, calls.client);
  }

  getAgentCard(): Promise<AgentCard> {
    return Promise.resolve(AgentCard.fromJSON({ capabilities: { streaming: true } }));
  }

  getAuthenticatedExtendedAgentCard(): Promise<AgentCard> {
    return this.#noting(async () => {
      throw new ExtendedAgentCardNotConfiguredError('The card is the same for everybody');
    });
  }

  sendMessage(request: SendMessageRequest): Promise<Task> {
    return this.#noting(async () => {
      const said = read(request, this.#version);
      const historyLength = lengthIn(request.configuration ?? {});
      if (said.taskId !== '') return this.#view.task(await this.#reply(said), historyLength);
      const posted = await post(this.#calls, said, said.waits ? waitSeconds : undefined);
      return said.waits ? this.#view.task(posted, historyLength) : this.#view.posted(posted, historyLength);
    });
  }

  sendMessageStream(request: SendMessageRequest): AsyncGenerator<StreamResponse, void, undefined> {
    return this.#following(async () => {
      const said = read(request, this.#version);
      if (said.taskId === '') return (await post(this.#calls, said)).task_id;
      await speak(this.#calls, said);
      return said.taskId;
    });
  }

  resubscribe({ id }: Named): AsyncGenerator<StreamResponse, void, undefined> {
    return this.#following(async () => {
      const { status } = await this.#calls.call(endpoints.showTask, { params: { id } });
      if (isEnded(status)) throw new UnsupportedOperationError(`The task is ${status}: nothing changes any more`);
      return id;
    });
  }

  getTask(request: GetTaskRequest): Promise<Task> {
    return this.#noting(async () => {
      const historyLength = lengthIn(request);
      const task = await this.#calls.call(endpoints.showTask, { params: { id: request.id } });
      return this.#view.task(task, historyLength);
    });
  }

  listTasks(request: ListTasksRequest): Promise<ListTasksResponse> {
    return this.#noting(async () => {
      const [historyLength, since] = [lengthIn(request), sinceIn(request)];
      const { tasks: found, ...page } = await listPage(this.#calls, request);
      const shown = await this.#view.listed(found, historyLength);
      const tasks = shown
        .filter(({ status }) => Date.parse(status?.timestamp ?? '') >= since)
        .map((task) => (request.includeArtifacts === true ? task : { ...task, artifacts: [] }));
      return { ...page, tasks };
    });
  }

  cancelTask({ id }: Named): Promise<Task> {
    return this.#noting(async () => {
      try {
        return await this.#view.task(await this.#calls.call(endpoints.cancel, { params: { id } }));
      } catch (error) {
        if (isRefusal(error, 'conflict')) throw new TaskNotCancelableError(withHint(error));
        throw error;
      }
    });
  }

  createTaskPushNotificationConfig(config: TaskPushNotificationConfig): Promise<TaskPushNotificationConfig> {
    return this.#noting(() => setPush(this.#calls, config.taskId, pushRequest(config, this.#version)));
  }

  getTaskPushNotificationConfig(named: GetTaskPushNotificationConfigRequest): Promise<TaskPushNotificationConfig> {
    return this.#noting(() => getPush(this.#calls, named));
  }

  listTaskPushNotificationConfigs({
    taskId,
  }: ListTaskPushNotificationConfigsRequest): Promise<ListTaskPushNotificationConfigsResponse> {
    return this.#noting(async () => ({ configs: await listPushes(this.#calls, taskId), nextPageToken: '' }));
  }

  deleteTaskPushNotificationConfig(named: DeleteTaskPushNotificationConfigRequest): Promise<void> {
    return this.#noting(() => deletePush(this.#calls, named));
  }

  /** Speaks about a task. @returns the task as it is then; if the client waits, once it waits for its client or has ended. */
  async #reply(said: Said): Promise<Shown['task']> {
    const { ctx, client } = this.#calls;
    const { taskId, waits } = said;
    const place = waits ? this.#takePlace() : undefined;
    try {
      await speak(this.#calls, said);
    } catch (error) {
      place?.end();
      throw error;
    }
    if (place === undefined) return this.#view.read(taskId);
    return awaitResult({ ctx, agentId: client.agentId, signal: client.signal }, { taskId, waitSeconds, place });
  }

  /** Follows a task after `begin` has named it. */
  async *#following(begin: () => Promise<string>): AsyncGenerator<StreamResponse, void, undefined> {
    this.isCalled = true;
    const place = this.#takePlace();
    let id: string;
    try {
      id = await begin();
    } catch (error) {
      place.end();
      throw error;
    }
    yield* this.#view.changes(id, place);
  }

  /** A place among the waits of the agent: taken before anything is changed, because nothing is where there is none. */
  #takePlace(): Subscription {
    const { agentId, keyId } = this.#calls.client;
    return this.#calls.ctx.watch.subscribe({ agentId, keyId });
  }

  async #noting<T>(work: () => Promise<T>): Promise<T> {
    this.isCalled = true;
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error) this.failure = error;
      throw error;
    }
  }
}

/** How much of a history a client wants. @throws RequestMalformedError for what is no length. */
function lengthIn({ historyLength }: { readonly historyLength?: number | null | undefined }): HistoryLength {
  const length = historyLength ?? undefined;
  if (length === undefined || (Number.isSafeInteger(length) && length >= 0)) return length;
  throw new RequestMalformedError('historyLength must be a whole number from 0');
}

/** From when on a change of state counts. @throws RequestMalformedError for what is no time. */
function sinceIn({ statusTimestampAfter: given }: ListTasksRequest): number {
  const since = given === undefined ? 0 : Date.parse(given);
  if (Number.isNaN(since)) throw new RequestMalformedError('statusTimestampAfter must be a time as in ISO 8601');
  return since;
}
