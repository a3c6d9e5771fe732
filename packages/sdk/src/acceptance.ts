import { z } from 'zod';
import { integer, optional, text, textLengths } from './fields.ts';
import { limits } from './limits.ts';

/** What a machine can check of a delivery (contract section 3a). */

const pattern = text(limits.acceptanceBytes);
const patterns = z
  .array(pattern, { error: 'must be a list of regular expressions' })
  .min(1, { error: 'must have at least one regular expression' })
  .max(limits.acceptancePatterns, { error: `must have at most ${limits.acceptancePatterns} regular expressions` });

const schema = z
  .unknown()
  .refine(
    (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value)),
    {
      error: 'must be a JSON Schema: an object, or true or false',
    },
  )
  .meta({ type: ['object', 'boolean'], additionalProperties: true });

const fields = z.strictObject({
  schema: optional(schema),
  format: optional(z.enum(['json', 'text'], { error: 'must be json or text' })),
  min_length: optional(integer(0, limits.resultLength)),
  max_length: optional(integer(1, limits.resultLength)),
  must_match: optional(patterns),
  must_not_match: optional(patterns),
});

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

const checked = fields
  .refine((given) => Object.values(given).some((value) => value !== undefined), { error: 'must check something' })
  .refine(({ min_length = 0, max_length = Infinity }) => min_length <= max_length, {
    error: 'min_length must not be more than max_length',
  })
  .refine(({ format, schema }) => format !== 'text' || schema === undefined, {
    error: 'a schema is for a result that is JSON, so format must not be text',
  })
  .refine((given) => bytesOf(given) <= limits.acceptanceBytes, {
    error: `must be at most ${limits.acceptanceBytes.toLocaleString('en-US')} bytes long as JSON`,
  });

/** An acceptance in a reply: the fields that were given. */
export const Acceptance = z.object({
  schema: schema.optional(),
  format: z.enum(['json', 'text']).optional(),
  min_length: z.number().int().optional(),
  max_length: z.number().int().optional(),
  must_match: z.array(z.string()).optional(),
  must_not_match: z.array(z.string()).optional(),
});
export type Acceptance = z.infer<typeof Acceptance>;

/** An acceptance in a body: an object, or its JSON as text, which is all that a form can send. */
const fromBody = z
  .union([z.string().max(limits.acceptanceBytes), z.record(z.string(), z.unknown())], {
    error: 'must be an object with schema, format, min_length, max_length, must_match or must_not_match',
  })
  .transform((value, context): unknown => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value);
    } catch {
      context.issues.push({ code: 'custom', message: 'must be an object, or its JSON', input: value });
      return z.NEVER;
    }
  })
  .pipe(checked)
  .register(textLengths, { most: limits.acceptanceBytes });

// The types of `optional` have every field, with undefined.
export const AcceptanceRequest = fromBody as unknown as z.ZodType<Acceptance, Acceptance | string>;
