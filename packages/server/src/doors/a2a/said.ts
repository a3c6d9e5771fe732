import type { SendMessageRequest } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import { sha256 } from '../idempotency.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { textOf } from './parts.ts';

/** A message of a client, as this door reads it. */
export interface Said {
  readonly text: string;
  readonly metadata: Metadata;
  /** The task that it is about; empty: it asks for a new one. */
  readonly taskId: string;
  /** Empty: none. */
  readonly contextId: string;
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
export function read({ message, configuration, metadata }: SendMessageRequest): Said {
  if (message === undefined) throw new RequestMalformedError('message is required');
  const { messageId, taskId, contextId, parts } = message;
  if (messageId === '') throw new RequestMalformedError('message.messageId is required');
  const text = textOf(parts);
  return {
    text,
    metadata: readMetadata(message.metadata, metadata),
    taskId,
    contextId,
    // With `configuration` too: it may name the receiver of push notifications.
    key: `a2a-${sha256(JSON.stringify([message, configuration, metadata]))}`,
    waits: configuration?.returnImmediately !== true,
  };
}
