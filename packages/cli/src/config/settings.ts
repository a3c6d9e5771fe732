import { join, resolve } from 'node:path';
import { Pinchwork } from '@pinchwork/sdk';
import type { GlobalValues } from '../command/global-flags.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { type Config, readConfig, readCredentials } from './profiles.ts';

/** Where a setting comes from. */
type Origin = 'flag' | 'environment' | 'profile' | 'credentials.json' | 'default';

/** The settings of a run (contract section 12): flag, then environment, then profile, then default. */
export interface Settings {
  readonly configPath: string;
  readonly server: string;
  readonly serverFrom: Origin;
  readonly apiKey: string | undefined;
  readonly keyFrom: Origin | undefined;
  /** Why the key that there is must not be used. */
  readonly keyRefusal: Failure | undefined;
  readonly adminKey: string | undefined;
  /** The profile that is used, whether or not it exists; undefined: none is chosen. */
  readonly profile: string | undefined;
  readonly hasInput: boolean;
}

const defaultServer = 'http://127.0.0.1:8000';

/** An empty variable counts as absent. */
const variable = ({ env }: Pick<Io, 'env'>, name: string) => (env[name] === '' ? undefined : env[name]);

/** The configuration file: `--config`, else `~/.config/pinchwork/config.yaml`. */
export const configPathOf = (io: Pick<Io, 'home' | 'cwd'>, flags: Pick<GlobalValues, 'config'>): string =>
  resolve(io.cwd, flags.config ?? join(io.home, '.config', 'pinchwork', 'config.yaml'));

/** @throws Failure for an address that no client takes, such as one without `https://` */
export function checkServer(server: string, from: Origin): void {
  try {
    new Pinchwork({ server });
  } catch (error) {
    const places = { flag: '--server', environment: 'PINCHWORK_SERVER', default: 'PINCHWORK_DEFAULT_SERVER' };
    const place = from in places ? places[from as keyof typeof places] : 'the profile';
    throw new Failure((error as Error).message, {
      code: 'usage',
      exitCode: exitCodes.usage,
      hint: `Correct ${place}: an address such as https://market.example.`,
    });
  }
}

/**
 * @param mayBeNew whether the profile that `--profile` names need not exist
 * @throws Failure for a profile that does not exist
 */
export async function readSettings(io: Io, flags: GlobalValues, mayBeNew = false): Promise<Settings> {
  const configPath = configPathOf(io, flags);
  const config = await readConfig(configPath);
  const { name, profile } = chosenProfile(config, flags, mayBeNew ? undefined : configPath);
  // A profile that is named goes before the environment, as every flag does.
  const ordered = <V>(fromEnvironment: V, fromProfile: V): readonly (readonly [V, Origin])[] => {
    const choices = [[fromEnvironment, 'environment'] as const, [fromProfile, 'profile'] as const];
    return flags.profile === undefined ? choices : choices.reverse();
  };
  const [server, serverFrom] = first<string, Origin>(
    [flags.server, 'flag'],
    ...ordered(variable(io, 'PINCHWORK_SERVER'), profile?.server),
    [variable(io, 'PINCHWORK_DEFAULT_SERVER') ?? defaultServer, 'default'],
  );
  checkServer(server, serverFrom);
  const credentials = profile === undefined ? await readCredentials(configPath) : undefined;
  const [apiKey, keyFrom] = first<string | undefined, Origin | undefined>(
    [flags.key, 'flag'],
    ...ordered(variable(io, 'PINCHWORK_API_KEY'), profile?.api_key),
    [credentials?.api_key, 'credentials.json'],
    [undefined, undefined],
  );
  const home = profile?.server;
  const isForeign = keyFrom === 'profile' && home !== undefined && !isSameOrigin(home, server);
  return {
    configPath,
    server,
    serverFrom,
    keyFrom,
    profile: name,
    apiKey: isForeign ? undefined : apiKey,
    keyRefusal: isForeign ? otherServer(name ?? '', home, server) : undefined,
    adminKey: variable(io, 'PINCHWORK_ADMIN_KEY'),
    hasInput: flags['no-input'] !== true && io.stdin.isTerminal,
  };
}

function chosenProfile({ currentProfile, profiles }: Config, flags: GlobalValues, path: string | undefined) {
  const name = flags.profile ?? currentProfile;
  const profile = name === undefined ? undefined : profiles[name];
  if (flags.profile !== undefined && profile === undefined && path !== undefined) {
    const names = Object.keys(profiles);
    throw new Failure(`There is no profile "${flags.profile}" in ${path}`, {
      code: 'no_profile',
      exitCode: exitCodes.usage,
      hint: names.length === 0 ? 'It has none yet.' : `It has ${names.join(', ')}.`,
      next: names.length === 0 ? 'pinchwork login --key -' : 'pinchwork profile list',
    });
  }
  return { name, profile };
}

/** A profile's key goes to no other server than its own. */
const otherServer = (name: string, home: string, server: string) =>
  new Failure(`The key of the profile "${name}" is for ${home}, not for ${server}`, {
    code: 'other_server',
    exitCode: exitCodes.auth,
    hint: `Give a key for ${server}: in PINCHWORK_API_KEY, or in a profile of its own.`,
    next: `pinchwork login --server ${server} --key -`,
  });

function first<V, O>(...choices: readonly (readonly [V | undefined, O])[]): [V, O] {
  const found = choices.find(([value]) => value !== undefined) ?? choices.at(-1);
  return [found?.[0] as V, found?.[1] as O];
}

function isSameOrigin(one: string, other: string): boolean {
  try {
    return new URL(one).origin === new URL(other).origin;
  } catch {
    return one === other;
  }
}
