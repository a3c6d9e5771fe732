/** What this server has stored as JSON has the type that it had then, so nothing is checked again. */

/** The texts of a stored list. */
export const storedTexts = (json: string): string[] => JSON.parse(json) as string[];

/** The fields of a stored object. */
export const storedFields = (json: string): Record<string, unknown> => JSON.parse(json) as Record<string, unknown>;
