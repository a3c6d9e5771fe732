import type { z } from 'zod';
import { invalid } from '../../ground/errors.ts';
import type { Fields } from './fields.ts';

/**
 * Reads the parameters of a query string.
 *
 * @throws DomainError `invalid_request` when a known parameter is given more than once.
 */
export function readQuery(schema: z.ZodObject | undefined, query: unknown): Fields {
  // The server's parser makes an object of any query string.
  const fields = query as Fields;
  for (const name in fields) {
    if (Array.isArray(fields[name]) && schema !== undefined && Object.hasOwn(schema.shape, name)) {
      throw invalid(`${name}: is given more than once`);
    }
  }
  return fields;
}
