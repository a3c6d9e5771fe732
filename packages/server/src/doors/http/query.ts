import type { z } from 'zod';
import { invalid } from '../../ground/errors.ts';
import type { Fields } from './fields.ts';

/**
 * Reads the parameters of a query string.
 *
 * @throws DomainError `invalid_request` when a known parameter is given more than once.
 */
export function readQuery(schema: z.ZodObject | undefined, query: unknown): Fields {
  for (const name in query as Fields) {
    if (Array.isArray((query as Fields)[name]) && schema !== undefined && Object.hasOwn(schema.shape, name)) {
      throw invalid(`${name}: is given more than once`);
    }
  }
  return query as Fields;
}
