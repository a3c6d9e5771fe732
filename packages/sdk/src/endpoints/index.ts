import type { z } from 'zod';
import { accountEndpoints, directoryEndpoints, startEndpoints } from './agents.ts';
import { eventEndpoints, webhookEndpoints } from './events.ts';
import { keyEndpoints } from './keys.ts';
import { healthEndpoints, operatorEndpoints } from './operator.ts';
import { marketEndpoints } from './market.ts';
import { reviewEndpoints } from './review.ts';
import { type Endpoint, named } from './row.ts';
import type { Warnings } from '../replies/index.ts';
import { talkEndpoints } from './talk.ts';
import { taskEndpoints } from './tasks.ts';
import { workEndpoints } from './work.ts';

export type { Endpoint, HeaderFields, OtherSuccess, Row } from './row.ts';
export { shownLine, shownPath } from './row.ts';
export * from './values.ts';
export type { NothingToPickUp } from './work.ts';

/** The endpoints (contract section 2), by the names that clients and documents know them by. */
export const endpoints = named({
  ...startEndpoints,
  ...taskEndpoints,
  ...workEndpoints,
  ...reviewEndpoints,
  ...talkEndpoints,
  ...accountEndpoints,
  ...keyEndpoints,
  ...eventEndpoints,
  ...webhookEndpoints,
  ...marketEndpoints,
  ...directoryEndpoints,
  ...operatorEndpoints,
  ...healthEndpoints,
});

export type Endpoints = typeof endpoints;
export type EndpointName = keyof Endpoints;

/** Any row of the table. */
export type AnyEndpoint = Endpoint & { readonly name: EndpointName };

/** The rows in the order of the table. */
export const endpointRows: readonly AnyEndpoint[] = Object.values(endpoints);

/** The ids in the path of an endpoint, by their parameters' names. */
export type ParamsOf<E extends Endpoint> = Readonly<Record<keyof E['params'] & string, string>>;

/** The query of an endpoint, as a handler gets it. */
export type QueryOf<E extends Endpoint> = E['query'] extends z.ZodObject ? z.output<E['query']> : undefined;

/** The body of an endpoint, as a handler gets it. */
export type BodyOf<E extends Endpoint> = E['body'] extends z.ZodObject ? z.output<E['body']> : undefined;

/** The reply of any success of an endpoint. */
export type ReplyOf<E extends Endpoint> = z.output<E['reply']> & Warnings;
