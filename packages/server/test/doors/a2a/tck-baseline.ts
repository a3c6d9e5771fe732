/** What fails of the kit of A2A 1.0, and why. A name that fails no more must go. */
export const known10: Readonly<Record<string, string>> = {};
