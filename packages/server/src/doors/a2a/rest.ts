import {
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  ListTasksRequest,
  ListTasksResponse,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { Requests } from './requests.ts';

/** A request of the REST of A2A 1.0, under its base address. */
export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without the base address. */
  readonly path: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a route answers with: an object, a stream, or nothing. */
type Answer = Promise<unknown> | AsyncGenerator<StreamResponse, void, undefined>;

/** The ids in a path, the query and the body, as the parameters of a method. */
type Params = Readonly<Record<string, unknown>>;

interface Route {
  readonly methods: readonly RestRequest['method'][];
  readonly path: RegExp;
  call(requests: Requests, params: Params): Answer;
}

const route = (methods: Route['methods'], path: RegExp, call: Route['call']): Route => ({ methods, path, call });

const configs = '/tasks/(?<taskId>[^/:]+)/pushNotificationConfigs';

/** The addresses of the REST of A2A 1.0. */
const routes: readonly Route[] = [
  route(['POST'], /^\/message:send$/, async (requests, params) => ({
    task: Task.toJSON(await requests.sendMessage(SendMessageRequest.fromJSON(params))),
  })),
  route(['POST'], /^\/message:stream$/, (requests, params) =>
    requests.sendMessageStream(SendMessageRequest.fromJSON(params)),
  ),
  route(['GET'], /^\/tasks$/, async (requests, params) => {
    const { tasks, ...page } = await requests.listTasks(ListTasksRequest.fromJSON(withNumbers(params)));
    // The package leaves fields out that are empty, which clients need here.
    return { ...(ListTasksResponse.toJSON({ tasks, ...page }) as object), tasks: tasks.map(Task.toJSON), ...page };
  }),
  route(['GET'], /^\/tasks\/(?<id>[^/:]+)$/, async (requests, params) =>
    Task.toJSON(await requests.getTask(GetTaskRequest.fromJSON(withNumbers(params)))),
  ),
  route(['POST'], /^\/tasks\/(?<id>[^/:]+):cancel$/, async (requests, params) =>
    Task.toJSON(await requests.cancelTask(CancelTaskRequest.fromJSON(params))),
  ),
  route(['GET', 'POST'], /^\/tasks\/(?<id>[^/:]+):subscribe$/, (requests, params) =>
    requests.resubscribe(SubscribeToTaskRequest.fromJSON(params)),
  ),
  route(['POST'], new RegExp(`^${configs}$`), async (requests, params) =>
    TaskPushNotificationConfig.toJSON(
      await requests.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON(params)),
    ),
  ),
  route(['GET'], new RegExp(`^${configs}$`), async (requests, params) =>
    ListTaskPushNotificationConfigsResponse.toJSON(
      await requests.listTaskPushNotificationConfigs(
        ListTaskPushNotificationConfigsRequest.fromJSON(withoutPage(params)),
      ),
    ),
  ),
  route(['GET'], new RegExp(`^${configs}/(?<id>[^/:]+)$`), async (requests, params) =>
    TaskPushNotificationConfig.toJSON(
      await requests.getTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest.fromJSON(params)),
    ),
  ),
  route(['DELETE'], new RegExp(`^${configs}/(?<id>[^/:]+)$`), async (requests, params) => {
    await requests.deleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest.fromJSON(params));
    return {};
  }),
  route(['GET'], /^\/extendedAgentCard$/, (requests) => requests.getAuthenticatedExtendedAgentCard()),
];

/** The route of a request. `allowed`: the methods that its path has; none for an unknown path. */
export function findRoute({ method, path }: Pick<RestRequest, 'method' | 'path'>): {
  readonly route: Route | undefined;
  readonly allowed: readonly string[];
} {
  const onPath = routes.filter((each) => each.path.test(path));
  return {
    route: onPath.find(({ methods }) => methods.includes(method)),
    allowed: onPath.flatMap(({ methods }) => methods),
  };
}

/** Calls the method of a route. What the package says of parameters that it can't read is about the request. */
export function callRoute(
  { path: pattern, call }: Route,
  requests: Requests,
  { path, query, body }: RestRequest,
): Answer {
  const ids = Object.entries(pattern.exec(path)?.groups ?? {}).map(([name, id]) => [name, decoded(id)] as const);
  try {
    return call(requests, { ...query, ...body, ...Object.fromEntries(ids) });
  } catch (error) {
    throw new RequestMalformedError(error instanceof Error ? error.message : 'The request cannot be read');
  }
}

const decoded = (id: string | undefined): string => {
  try {
    return decodeURIComponent(id ?? '');
  } catch {
    return '';
  }
};

const numbers = ['historyLength', 'pageSize'];
const flags = ['includeArtifacts'];

/** The parameters of a list that has one page. */
const withoutPage = ({ pageSize: _, pageToken: __, ...params }: Params): Params => params;

/** The parameters of a query: all are texts. */
const withNumbers = (params: Params): Params =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (numbers.includes(name)) return [name, wholeNumber(name, value)];
      return [name, flags.includes(name) ? value === 'true' || value === true : value];
    }),
  );

function wholeNumber(name: string, value: unknown): number {
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  throw new RequestMalformedError(`${name} must be a whole number`);
}
