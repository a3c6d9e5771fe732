import { z } from 'zod';

/** UTC, ISO 8601, to the second, with the offset written `+00:00`. */
export const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
/** A day, in UTC. */
export const day = z.string().regex(/^\d{4}-\d\d-\d\d$/);
export const credits = z.number().int();
export const count = z.number().int().min(0);
export const minutes = z.number().int().nullable();

/** The time limit ended before everything was searched. */
export const searchPartial = { search_partial: z.literal(true).optional() };

/** Texts of this row are cut, to bound the size of a page. */
export const truncated = { truncated: z.literal(true).optional() };
