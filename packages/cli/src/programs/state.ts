import { dirname, join } from 'node:path';
import type { RememberedClaim, RememberedPickup, WorkMemory } from '@pinchwork/sdk';
import { readText, withLock, writeText } from '../config/files.ts';
import type { Settings } from '../config/settings.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../io.ts';

/** What `listen` knows of one target. */
export interface ListenState {
  /** The last event that the target took. */
  readonly position: number;
  /** The secret that was made for it, where none was given. */
  readonly secret?: string | undefined;
}

/** What the programs of one profile have to remember (contract section 12). Fields of other programs are kept. */
interface ProfileState {
  /** When the worker last looked for a task. */
  readonly lastCheck?: string | undefined;
  /** Deliveries that were approved, and the credits charged for them. */
  readonly tasksCompleted?: number | undefined;
  readonly creditsEarned?: number | undefined;
  readonly work?:
    | {
        readonly pickup: RememberedPickup | null;
        readonly claims: Readonly<Record<string, RememberedClaim>>;
        readonly awaited: Readonly<Record<string, RememberedClaim>>;
      }
    | undefined;
  /** By the address of the target. */
  readonly listen?: Readonly<Record<string, ListenState>> | undefined;
}

interface States {
  readonly profiles?: Readonly<Record<string, ProfileState>> | undefined;
}

/** The state of one profile in `state.json`, beside the configuration file. */
export class StateFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #name: string;

  /** @param name the profile; without one, the id of the agent */
  constructor(settings: Pick<Settings, 'configPath'>, clock: Clock, name: string) {
    this.path = statePathOf(settings);
    this.#clock = clock;
    this.#name = name;
  }

  async read(): Promise<ProfileState> {
    return (await this.#readAll()).profiles?.[this.#name] ?? {};
  }

  /** Changes the state, so that a crash at any moment leaves the old one or the new one, and no other process loses its own. */
  async change(change: (state: ProfileState) => ProfileState): Promise<void> {
    await withLock(this.path, this.#clock, async () => {
      const all = await this.#readAll();
      const profiles = { ...all.profiles, [this.#name]: change(all.profiles?.[this.#name] ?? {}) };
      await writeText(this.path, `${JSON.stringify({ ...all, profiles }, undefined, 2)}\n`);
    });
  }

  async #readAll(): Promise<States> {
    const text = await readText(this.path);
    if (text === undefined) return {};
    try {
      const all: unknown = JSON.parse(text);
      if (typeof all === 'object' && all !== null && !Array.isArray(all)) return all;
    } catch {
      // No JSON: the error below says so.
    }
    throw new Failure(`${this.path} is not a state that pinchwork wrote`, {
      code: 'state',
      exitCode: exitCodes.failed,
      hint: 'Move it away. What it knew of tasks in hand is lost then: see "pinchwork tasks mine --role worker".',
    });
  }
}

const statePathOf = ({ configPath }: Pick<Settings, 'configPath'>): string => join(dirname(configPath), 'state.json');

/** The name under which the state of an agent is kept. */
export const stateName = ({ profile, keyFrom }: Settings, agentId: string): string =>
  keyFrom === 'profile' && profile !== undefined ? profile : agentId;

/** What the worker of an earlier run has left. */
export const memoryOf = ({ work, tasksCompleted = 0, creditsEarned = 0 }: ProfileState): WorkMemory => ({
  pickup: null,
  claims: {},
  awaited: {},
  ...work,
  approved: tasksCompleted,
  credits: creditsEarned,
});
