/** The versions of A2A that are spoken here. */
export const versions = ['1.0', '0.3'] as const;
export type Version = (typeof versions)[number];

/** The version in `A2A-Version`; 0.3 where there is none, as A2A says. Undefined: another one. */
export function versionOf(given: string | undefined): Version | undefined {
  if (given === undefined || given.trim() === '') return '0.3';
  return versions.find((version) => given.trim() === version || given.trim().startsWith(`${version}.`));
}
