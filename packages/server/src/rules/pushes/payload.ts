import type { TaskStatus } from '@pinchwork/sdk/table';
import type { A2aVersion } from '../../ground/a2a.ts';
import { stateOf } from '../../ground/states.ts';
import type { Message } from '../webhooks/sender.ts';
import { deliveryHeaders } from '../webhooks/signature.ts';
import type { PushRow } from './queries.ts';

/** What a notification says: the state that a transition led to. */
export interface News {
  readonly taskId: string;
  readonly contextId: string;
  readonly version: number;
  readonly status: TaskStatus;
  /** When the task came to it, in epoch milliseconds. */
  readonly at: number;
  /** The delivery. Null: there is none, or it is gone or rejected by now. */
  readonly result: string | null;
}

const resultId = 'result';

/** The task as each version of A2A writes it. */
const bodies: Readonly<Record<A2aVersion, (news: News) => object>> = {
  '1.0': ({ taskId, contextId, status, at, result }) => ({
    task: {
      id: taskId,
      contextId,
      status: {
        state: `TASK_STATE_${stateOf(status).a2a.state.toUpperCase().replace('-', '_')}`,
        timestamp: new Date(at).toISOString(),
      },
      artifacts:
        result === null
          ? []
          : [{ artifactId: resultId, name: resultId, parts: [{ text: result, mediaType: 'text/plain' }] }],
      metadata: { status },
    },
  }),
  '0.3': ({ taskId, contextId, status, at, result }) => ({
    kind: 'task',
    id: taskId,
    contextId,
    status: { state: stateOf(status).a2a.state, timestamp: new Date(at).toISOString() },
    artifacts:
      result === null ? [] : [{ artifactId: resultId, name: resultId, parts: [{ kind: 'text', text: result }] }],
    metadata: { status },
  }),
};

const types: Readonly<Record<A2aVersion, string>> = { '1.0': 'application/a2a+json', '0.3': 'application/json' };

type Destination = Pick<PushRow, 'a2a_version' | 'url' | 'token' | 'auth_scheme' | 'auth_credentials'>;

/**
 * The HTTP message of a notification: the body as A2A says, the headers of a webhook without a secret (contract section
 * 9), and those that the client has asked for. Its id is the same in each attempt.
 */
export function notification(config: Destination, news: News, now: number): Message {
  const { a2a_version, url, token, auth_scheme, auth_credentials } = config;
  const body = JSON.stringify(bodies[a2a_version](news));
  const headers = {
    ...deliveryHeaders(`${news.taskId}-${news.version}`, now, body, null),
    'content-type': types[a2a_version],
    'a2a-version': a2a_version,
    ...(token === null ? {} : { 'x-a2a-notification-token': token }),
    ...(auth_scheme === null || auth_credentials === null
      ? {}
      : { authorization: `${auth_scheme} ${auth_credentials}` }),
  };
  return { url, body, headers };
}
