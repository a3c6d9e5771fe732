import { a2aVersions, type A2aVersion } from '../../ground/a2a.ts';

export const versions = a2aVersions;
export type Version = A2aVersion;

/** The version in `A2A-Version`; 0.3 where there is none, as A2A says. Undefined: another one. */
export function versionOf(given: string | undefined): Version | undefined {
  if (given === undefined || given.trim() === '') return '0.3';
  return versions.find((version) => given.trim() === version || given.trim().startsWith(`${version}.`));
}
