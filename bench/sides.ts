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
  readonly child: Child;
  readonly lanes: readonly Lane[];
}

export interface SideOptions {
  readonly connections: number;
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
  return startServerOn(await engine.freshUrl(), {}, cleanup, nodeOptions);
}

/** Starts the server on a database that may be there already, with `settings` of its own. */
export function startServerOn(
  url: string,
  settings: Readonly<Record<string, string>>,
  cleanup: Cleanup,
  nodeOptions: string[] = [],
): Promise<Child> {
  const env = { ...serverEnv, ...settings, PINCHWORK_DATABASE_URL: url };
  return startChild({ script: serverScript, env, nodeOptions }, cleanup);
}

async function startFloor(engine: Engine, cleanup: Cleanup, nodeOptions: string[]): Promise<Child> {
  return startChild({ script: engine.floor, env: { FLOOR_DATABASE: await engine.freshUrl() }, nodeOptions }, cleanup);
}

/** Starts one side on a new database, registers its agents and warms it up. */
export async function openSide(name: SideName, engine: Engine, options: SideOptions, cleanup: Cleanup): Promise<Side> {
  const { connections, profileFolder } = options;
  const nodeOptions = profileFolder === undefined ? [] : profileOptions(profileFolder, name);
  const child = await (name === 'floor' ? startFloor : startServer)(engine, cleanup, nodeOptions);
  const lanes = await prepareLanes(child.url, connections, name === 'server' ? adminKey : undefined);
  await measure(child, lanes, warmUpSeconds);
  return { child, lanes };
}

const profileOptions = (folder: string, name: SideName) => [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
  `--cpu-prof-name=${name}.cpuprofile`,
  '--cpu-prof-interval=500',
];
