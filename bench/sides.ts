import { join } from 'node:path';
import { type Child, startChild } from './children.ts';
import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { type Lane, prepareLanes } from './lifecycle.ts';
import { measure } from './load.ts';
import type { Options } from './options.ts';

/** A program that is measured. */
export interface Program {
  /** Its name in the report. */
  readonly name: 'server' | 'before' | 'floor' | 'leanest';
  readonly script: string;
}

/** A program under load: its processes, all on one database, and the requests for them. */
export interface Side {
  readonly name: Program['name'];
  readonly children: readonly Child[];
  readonly lanes: readonly Lane[];
}

interface SideOptions {
  readonly connections: number;
  /** How many processes it has. */
  readonly nodes: number;
  /** The path to which the child writes its CPU profile when it ends. Undefined: no profile. */
  readonly profileFolder?: string | undefined;
}

export const mainScript = 'packages/server/src/main.ts';
const serverScript = join(import.meta.dirname, '..', mainScript);
export const adminKey = 'admin-key-of-the-benchmark';
/** Load before the first round, until V8 has compiled the hot code. */
const warmUpSeconds = 4;

/** The server with default settings, except that rate limits are off and an admin key is set for granting credits. */
const serverEnv = {
  PINCHWORK_HOST: '127.0.0.1',
  PINCHWORK_PORT: '0',
  PINCHWORK_LOG_LEVEL: 'warn',
  PINCHWORK_ADMIN_KEY: adminKey,
  ...Object.fromEntries(
    ['REGISTER', 'CREATE', 'PICKUP', 'DELIVER', 'READ', 'WRITE', 'ADMIN'].map((name) => [
      `PINCHWORK_RATE_LIMIT_${name}`,
      'off',
    ]),
  ),
};

/** The programs that a run on an engine compares, the server last. */
export function programsOf(engine: Engine, { before }: Pick<Options, 'before'>): Program[] {
  return [
    ...engine.floors,
    ...(before === undefined ? [] : [{ name: 'before' as const, script: join(before, mainScript) }]),
    { name: 'server', script: serverScript },
  ];
}

export async function startServer(engine: Engine, cleanup: Cleanup, nodeOptions: string[] = []): Promise<Child> {
  return startServerOn(await engine.freshUrl(), cleanup, {}, nodeOptions);
}

/** Starts a server on a database that may be shared. @param settings in addition to those of every server here. */
export function startServerOn(
  databaseUrl: string,
  cleanup: Cleanup,
  settings: Readonly<Record<string, string>> = {},
  nodeOptions: string[] = [],
): Promise<Child> {
  const env = { ...serverEnv, PINCHWORK_DATABASE_URL: databaseUrl, ...settings };
  return startChild({ script: serverScript, env, nodeOptions }, cleanup);
}

interface DefaultServer {
  /** What differs from the default settings. */
  readonly settings: Readonly<Record<string, string>>;
  /** Another copy of the project. */
  readonly folder: string | undefined;
  readonly openFiles?: number | undefined;
}

/** Starts a server with the default settings. */
export function startDefaultServer(
  databaseUrl: string,
  { settings, folder, openFiles }: DefaultServer,
  cleanup: Cleanup,
): Promise<Child> {
  const env = {
    PINCHWORK_HOST: '127.0.0.1',
    PINCHWORK_PORT: '0',
    PINCHWORK_LOG_LEVEL: 'warn',
    PINCHWORK_DATABASE_URL: databaseUrl,
    ...settings,
  };
  const script = folder === undefined ? serverScript : join(folder, mainScript);
  return startChild({ script, env, openFiles }, cleanup);
}

const isServer = ({ name }: Program) => name === 'server' || name === 'before';

/** Starts a program on a new database, registers its agents and warms it up. */
export async function openSide(
  program: Program,
  engine: Engine,
  { connections, nodes, profileFolder }: SideOptions,
  cleanup: Cleanup,
): Promise<Side> {
  const { name, script } = program;
  const database = await engine.freshUrl();
  const children: Child[] = [];
  for (let node = 0; node < nodes; node++) {
    // The first of the floor's processes, 0, makes the tables.
    const env = isServer(program)
      ? { ...serverEnv, PINCHWORK_DATABASE_URL: database }
      : { FLOOR_DATABASE: database, FLOOR_NODE: String(node) };
    const nodeOptions = profileFolder === undefined ? [] : profileOptions(profileFolder, name, node);
    children.push(await startChild({ script, env, nodeOptions }, cleanup));
  }
  const lanes = await prepareLanes(children[0]!.url, connections, isServer(program) ? adminKey : undefined);
  await measure(children, lanes, warmUpSeconds);
  return { name, children, lanes };
}

const profileOptions = (folder: string, name: string, node: number) => [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
  `--cpu-prof-name=${name}${node === 0 ? '' : `-${node + 1}`}.cpuprofile`,
  '--cpu-prof-interval=500',
];
