import type { EndpointName } from '../endpoints/index.ts';
import { agentReference } from './agents.ts';
import { disputeReference } from './disputes.ts';
import { eventReference } from './events.ts';
import { healthReference } from './health.ts';
import { keyReference } from './keys.ts';
import { marketReference } from './market.ts';
import { operatorReference } from './operator.ts';
import type { Reference } from './reference.ts';
import { taskReference } from './tasks.ts';
import { webhookReference } from './webhooks.ts';

export { errorExample } from './errors.ts';
export { glossary } from './glossary.ts';
export { type Reference, tags } from './reference.ts';

/** Every endpoint, described. One that is missing does not compile. */
export const reference: Readonly<Record<EndpointName, Reference>> = {
  ...agentReference,
  ...keyReference,
  ...taskReference,
  ...eventReference,
  ...webhookReference,
  ...marketReference,
  ...operatorReference,
  ...disputeReference,
  ...healthReference,
};
