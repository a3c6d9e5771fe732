/** The versions of A2A that are spoken here. */
export const a2aVersions = ['1.0', '0.3'] as const;
/** One of them. */
export type A2aVersion = (typeof a2aVersions)[number];
