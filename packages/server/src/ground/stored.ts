/** The texts of a JSON list that this server has stored. */
export const storedTexts = (json: string): string[] => JSON.parse(json) as string[];
