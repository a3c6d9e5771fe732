import { type DomainError, invalid } from '../../ground/errors.ts';

/** The fields of a request as they came, before the endpoint's schema has seen them. */
export type Fields = Record<string, unknown>;

export const notAnObject = (what: string): DomainError => invalid(`${what} must be an object with named fields`);
export const noProto = () => invalid('The field name "__proto__" is not allowed');

/** What a parser says may quote the request: no line breaks, no halves of characters. */
export const oneLine = (message: string) => message.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').toWellFormed();
