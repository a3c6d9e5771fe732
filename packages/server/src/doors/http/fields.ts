import { type DomainError, invalid } from '../../ground/errors.ts';

/** The fields of a request, before the endpoint's schema checks them. */
export type Fields = Record<string, unknown>;

export const notAnObject = (what: string): DomainError =>
  invalid(
    `${what} must be an object with named fields`,
    'GET /openapi.json has the fields of each call, with examples.',
  );
export const noProto = () => invalid('The field name "__proto__" is not allowed');

/** A parser's message may quote the request. Removes line breaks and lone surrogates. */
export const oneLine = (message: string) => message.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').toWellFormed();
