import type { Context } from '../command/row.ts';
import { changeConfig, type Profile, replaceCredentials } from './profiles.ts';

/** Keeping a key in a profile. */

/** A name for a profile, from the name of an agent: `My Agent!` becomes `my-agent`. */
export const profileNameOf = (agentName: string): string =>
  agentName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40) || 'default';

/** A name that no profile has: with a number behind it if need be. */
function freeName(name: string, profiles: Readonly<Record<string, Profile>>): string {
  if (!Object.hasOwn(profiles, name)) return name;
  for (let n = 2; ; n++) if (!Object.hasOwn(profiles, `${name}-${n}`)) return `${name}-${n}`;
}

interface Kept {
  /** The profile that has the key now. */
  readonly profile: string;
  /** The name that was wanted, where it was taken. */
  readonly taken: string | undefined;
}

/**
 * Keeps a key in a new profile and makes it the current one. No profile is overwritten: if its name is taken, it gets a
 * number. A profile that has the same key and server already is used as it is.
 */
export async function keepKey(context: Context, wanted: string, apiKey: string): Promise<Kept> {
  const { settings, clock } = context;
  const { server } = settings;
  let profile = wanted;
  await changeConfig(settings.configPath, clock, ({ profiles }) => {
    const same = Object.entries(profiles).find(([, each]) => each.api_key === apiKey && each.server === server);
    profile = same?.[0] ?? freeName(wanted, profiles);
    return { currentProfile: profile, profiles: { ...profiles, [profile]: { server, api_key: apiKey } } };
  });
  return { profile, taken: profile === wanted ? undefined : wanted };
}

/** Says where a key is, and what goes before it. */
export async function tellKept({ tell, settings, env }: Context, { profile, taken }: Kept): Promise<void> {
  if (taken !== undefined) await tell(`The profile "${taken}" has another key, so this one is in "${profile}".`);
  await tell(`The key is in ${settings.configPath}, and "${profile}" is the current profile.`);
  if (env.PINCHWORK_API_KEY)
    await tell('PINCHWORK_API_KEY in the environment goes before it: unset it to use the profile.');
}

/**
 * Puts a new key in the place of the one that was used, where that came from a file.
 *
 * @returns the file; undefined if the key came from somewhere else
 */
export async function replaceKey({ settings, clock }: Context, key: string): Promise<string | undefined> {
  const { keyFrom, configPath, profile, apiKey } = settings;
  if (keyFrom === 'credentials.json') return replaceCredentials(configPath, key);
  if (keyFrom !== 'profile' || profile === undefined) return undefined;
  await changeConfig(configPath, clock, ({ currentProfile, profiles }) => ({
    currentProfile,
    // All profiles with the old key: it ends everywhere.
    profiles: Object.fromEntries(
      Object.entries(profiles).map(([name, each]) => [
        name,
        each.api_key === apiKey ? { ...each, api_key: key } : each,
      ]),
    ),
  }));
  return configPath;
}
