/** The limit of the server for a result, in code points. */
export const longestResult = 500_000;
