import { dirname, join } from 'node:path';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../io.ts';
import { readText, withLock, writeText } from './files.ts';

/** One profile of the configuration file (contract section 12). */
export interface Profile {
  readonly server?: string | undefined;
  readonly api_key?: string | undefined;
}

export interface Config {
  readonly currentProfile: string | undefined;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** What `credentials.json` holds, as the guide for agents recommends it. */
interface Credentials {
  readonly api_key: string;
  readonly agent_id?: string;
  readonly agent_name?: string;
}

/** @throws Failure if the file is not such a configuration */
export async function readConfig(path: string): Promise<Config> {
  const text = await readText(path);
  if (text === undefined) return { currentProfile: undefined, profiles: {} };
  return configOf(await documentOf(text, path), path);
}

/**
 * Changes the configuration file; comments in it stay. Other processes wait meanwhile, so that none loses what another
 * writes.
 *
 * @param change gets the present content, and returns what takes its place
 * @returns the new content
 */
export async function changeConfig(path: string, clock: Clock, change: (config: Config) => Config): Promise<Config> {
  return withLock(path, clock, async () => {
    const document = await documentOf((await readText(path)) ?? '', path);
    const before = configOf(document, path);
    const after = change(before);
    document.contents ??= document.createNode({}) as never;
    if (after.currentProfile === undefined) document.delete('current_profile');
    else document.set('current_profile', after.currentProfile);
    for (const name of Object.keys(before.profiles))
      if (!(name in after.profiles)) document.deleteIn(['profiles', name]);
    // `profiles:` with nothing behind it is no place to put something into.
    if (document.get('profiles') == null) document.delete('profiles');
    for (const [name, profile] of Object.entries(after.profiles)) {
      const place = ['profiles', name];
      if (document.hasIn(place) && document.getIn(place) == null) document.deleteIn(place);
      for (const [field, value] of Object.entries(profile)) {
        if (value === undefined) document.deleteIn(['profiles', name, field]);
        else document.setIn(['profiles', name, field], value);
      }
      if (Object.keys(profile).length === 0) document.setIn(['profiles', name], {});
    }
    await writeText(path, document.toString());
    return after;
  });
}

const credentialsPath = (configPath: string) => join(dirname(configPath), 'credentials.json');

/** Puts a new key into `credentials.json`. @returns its path */
export async function replaceCredentials(configPath: string, key: string): Promise<string> {
  const path = credentialsPath(configPath);
  await writeText(path, `${JSON.stringify({ ...(await readCredentials(configPath)), api_key: key }, undefined, 2)}\n`);
  return path;
}

/** `credentials.json` beside the configuration file; undefined if there is none. */
export async function readCredentials(configPath: string): Promise<Credentials | undefined> {
  const path = credentialsPath(configPath);
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    const parsed = JSON.parse(text) as Partial<Credentials>;
    if (typeof parsed.api_key === 'string' && parsed.api_key !== '') return parsed as Credentials;
  } catch {
    // No JSON: the error below says what it must be.
  }
  throw broken(path, 'it must be JSON such as {"api_key": "…"}');
}

async function documentOf(text: string, path: string) {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw broken(path, problem.message.split('\n')[0] ?? '');
  return document;
}

function configOf(document: { toJS(): unknown }, path: string): Config {
  const content = document.toJS() ?? {};
  if (!isObject(content)) throw broken(path, 'it must have the fields current_profile and profiles');
  const { current_profile: current, profiles = {} } = content;
  if (current != null && typeof current !== 'string') throw broken(path, 'current_profile must be a name');
  if (!isObject(profiles ?? {})) throw broken(path, 'profiles must have profiles by name');
  const entries = Object.entries((profiles ?? {}) as Record<string, unknown>).map(([name, profile]) => {
    const { server, api_key: key } = isObject(profile ?? {}) ? ((profile ?? {}) as Record<string, unknown>) : {};
    for (const [field, value] of Object.entries({ server, api_key: key })) {
      if (value != null && typeof value !== 'string') throw broken(path, `profiles.${name}.${field} must be text`);
    }
    return [name, { ...(server == null ? {} : { server }), ...(key == null ? {} : { api_key: key }) }] as const;
  });
  return { currentProfile: current ?? undefined, profiles: Object.fromEntries(entries) as Config['profiles'] };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const broken = (path: string, problem: string) =>
  new Failure(`${path} cannot be used: ${problem}`, {
    code: 'config',
    exitCode: exitCodes.failed,
    hint: 'Correct the file, or move it away and run "pinchwork login".',
  });
