/** The rows of a table of tests, written with space between them. */
export const list = (text: string): string[] => text.trim().split(/\s+/);
