import { join } from 'node:path';
import { type Child, startChild } from './children.ts';
import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { type Lane, prepareLanes } from './lifecycle.ts';
import { measure } from './load.ts';

/** The two that are compared. */
export const sideNames = ['floor', 'server'] as const;
export type SideName = (typeof sideNames)[number];

export interface Side {
  /** Its processes, all on one database. */
  readonly children: readonly Child[];
  readonly lanes: readonly Lane[];
}

export interface SideOptions {
  readonly connections: number;
  /** How many processes it has. */
  readonly nodes: number;
  /** Where the child writes its CPU profile when it ends; none without. */
  readonly profileFolder?: string | undefined;
}

const serverScript = join(import.meta.dirname, '../packages/server/src/main.ts');
const adminKey = 'admin-key-of-the-benchmark';
/** Load before the first round: until V8 has compiled what is hot. */
const warmUpSeconds = 4;

/** The server as an operator runs it: only the rate limits are off, and there is an admin key to grant credits with. */
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

export async function startServer(engine: Engine, cleanup: Cleanup, nodeOptions: string[] = []): Promise<Child> {
  return startServerOn(await engine.freshUrl(), cleanup, {}, nodeOptions);
}

/** Starts a server on a database that others may use too. @param settings besides those of every server here. */
export function startServerOn(
  databaseUrl: string,
  cleanup: Cleanup,
  settings: Readonly<Record<string, string>> = {},
  nodeOptions: string[] = [],
): Promise<Child> {
  const env = { ...serverEnv, PINCHWORK_DATABASE_URL: databaseUrl, ...settings };
  return startChild({ script: serverScript, env, nodeOptions }, cleanup);
}

/** @param node its number among the processes on the database: the first one, 0, makes the tables. */
function startFloorOn(database: string, script: string, node: number, cleanup: Cleanup, nodeOptions: string[]) {
  const env = { FLOOR_DATABASE: database, FLOOR_NODE: String(node) };
  return startChild({ script, env, nodeOptions }, cleanup);
}

/** Starts one side on a new database, registers its agents and warms it up. */
export async function openSide(name: SideName, engine: Engine, options: SideOptions, cleanup: Cleanup): Promise<Side> {
  const { connections, nodes, profileFolder } = options;
  const database = await engine.freshUrl();
  const children: Child[] = [];
  for (let node = 0; node < nodes; node++) {
    const nodeOptions = profileFolder === undefined ? [] : profileOptions(profileFolder, name, node);
    children.push(
      await (name === 'floor'
        ? startFloorOn(database, engine.floor, node, cleanup, nodeOptions)
        : startServerOn(database, cleanup, {}, nodeOptions)),
    );
  }
  const lanes = await prepareLanes(children[0]!.url, connections, name === 'server' ? adminKey : undefined);
  await measure(children, lanes, warmUpSeconds);
  return { children, lanes };
}

const profileOptions = (folder: string, name: SideName, node: number) => [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
  `--cpu-prof-name=${name}${node === 0 ? '' : `-${node + 1}`}.cpuprofile`,
  '--cpu-prof-interval=500',
];
