import type { SendMessageRequest } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { PushRequest } from '../../rules/pushes/config.ts';
import { sha256 } from '../idempotency.ts';
import { type Metadata, readMetadata, unknownIn } from './metadata.ts';
import { textOf } from './parts.ts';
import { pushRequest } from './pushes.ts';
import type { Version } from './versions.ts';

/** A message of a client, as this door reads it. */
export interface Said {
  readonly text: string;
  readonly metadata: Metadata;
  /** The keys of the metadata that mean nothing here. */
  readonly unknown: readonly string[];
  /** The task that it is about; empty: it asks for a new one. */
  readonly taskId: string;
  /** Empty: none. */
  readonly contextId: string;
  /** The webhook of its task that it brings along. */
  readonly push: PushRequest | undefined;
  /** Its idempotency key: the same for the same message with the same content. */
  readonly key: string;
  /** Whether the client waits for the result. */
  readonly waits: boolean;
}

/**
 * Reads the message of a request.
 *
 * @throws RequestMalformedError without a message, an id of it, or a part; ContentTypeNotSupportedError for bytes.
 */
export function read({ message, configuration, metadata }: SendMessageRequest, version: Version): Said {
  if (message === undefined) throw new RequestMalformedError('message is required');
  const { messageId, taskId, contextId, parts } = message;
  if (messageId === '') throw new RequestMalformedError('message.messageId is required');
  const push = configuration?.taskPushNotificationConfig;
  const about: unknown = taskId;
  if (typeof about !== 'string') throw new RequestMalformedError('message.taskId must be a text');
  checkContextId(contextId);
  const text = textOf(parts);
  return {
    text,
    metadata: readMetadata(message.metadata, metadata),
    unknown: unknownIn(message.metadata, metadata),
    taskId,
    contextId,
    push: push && pushRequest(push, version),
    key: `a2a-${sha256(JSON.stringify([message, configuration, metadata]))}`,
    // A client of 0.3 that says nothing does not wait.
    waits: !(configuration?.returnImmediately ?? version === '0.3'),
  };
}

/** The longest name of a conversation. It is stored, and in an index. */
const mostCharacters = 255;

/** @throws RequestMalformedError for a name that can't be stored. */
export function checkContextId(contextId: unknown): void {
  const canBeStored =
    typeof contextId === 'string' &&
    contextId.length <= mostCharacters &&
    contextId.isWellFormed() &&
    !contextId.includes('\0');
  if (!canBeStored) {
    throw new RequestMalformedError(`contextId must be text of at most ${mostCharacters} characters`);
  }
}
