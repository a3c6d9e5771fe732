import type { EventType, TaskResponse, TaskStatus } from '@pinchwork/sdk/table';
import { expect } from 'vitest';
import { type Agent, adminKey, type Reply } from '../support/market.ts';
import type { Random } from '../support/random.ts';

export const initialCredits = 1_000;
export const feePercent = 10;
const maxRejections = 3;

/** Server settings under which no deadline changes a task during a history, however long it runs. */
export const historySettings = {
  PINCHWORK_INITIAL_CREDITS: String(initialCredits),
  PINCHWORK_PLATFORM_FEE_PERCENT: String(feePercent),
  PINCHWORK_REJECTION_GRACE_MINUTES: '1440',
};

/** The expected state of a task, from replies or derived from them. */
interface View {
  readonly status: TaskStatus;
  readonly result: string | null;
  readonly credits_charged: number | null;
  readonly claim_number: number;
  readonly rejection_count: number;
  /** Rejections of the current claim. The server does not show them. */
  readonly claimRejections: number;
  /** The events that the poster and the worker have received so far. */
  readonly told: Readonly<Record<Role, readonly EventType[]>>;
}

type Role = 'poster' | 'worker';

interface Story {
  /** Unique among all tasks. */
  readonly need: string;
  readonly price: number;
  /**
   * The possible final states; undefined means that the task does not exist. One state if every request got a reply, two
   * if the last request got none and was not repeated: the server may or may not have carried it out.
   */
  may: readonly (View | undefined)[];
}

/** Sends requests to a market that may fail at any moment. */
export interface Door {
  /** Sends a request once. @returns the reply; undefined if none came, so that the outcome is unknown. */
  post(
    agent: Pick<Agent, 'id' | 'key'> | undefined,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
  ): Promise<Reply | undefined>;
  /** If given, each task is read back after each of its steps. */
  get?(agent: Pick<Agent, 'id' | 'key'>, path: string): Promise<Reply | undefined>;
}

/** A poster and a worker who trade only with each other, so that their requests determine their balances. */
export interface Chapter {
  readonly poster: Member;
  readonly worker: Member;
  readonly granted: number;
  readonly stories: Story[];
}

/** The optional fields of a registration. */
export interface Profile {
  readonly good_at?: string;
  readonly webhook_url?: string;
}

interface Member extends Pick<Agent, 'id' | 'key'> {
  readonly profile: Profile;
}

/** Hooks of a history. */
interface Surroundings {
  /** Returns the profile of the next agent. */
  readonly profile?: () => Profile;
  /** Called when a chapter begins. */
  readonly onChapter?: (chapter: Chapter) => void;
}

const posted: View = {
  status: 'posted',
  result: null,
  credits_charged: null,
  claim_number: 0,
  rejection_count: 0,
  claimRejections: 0,
  told: { poster: [], worker: [] },
};

interface Move {
  readonly verb: string;
  readonly by: Role;
  readonly tells?: { readonly who: Role; readonly of: EventType };
  readonly body?: (story: Story, before: View) => object;
  readonly after: (before: View, body: Record<string, unknown>, story: Story) => View;
}

const backOnBoard = { status: 'posted', result: null, credits_charged: null, claimRejections: 0 } as const;

const moves = {
  pickup: {
    verb: 'pickup',
    by: 'worker',
    tells: { who: 'poster', of: 'task_claimed' },
    after: (before) => ({ ...before, status: 'claimed', claim_number: before.claim_number + 1 }),
  },
  cancel: { verb: 'cancel', by: 'poster', after: (before) => ({ ...before, status: 'cancelled' }) },
  abandon: { verb: 'abandon', by: 'worker', after: (before) => ({ ...before, ...backOnBoard }) },
  deliver: {
    verb: 'deliver',
    by: 'worker',
    tells: { who: 'poster', of: 'task_delivered' },
    body: ({ need, price }, { claim_number, rejection_count }) => ({
      result: `${need}, claim ${claim_number}, rejected ${rejection_count} times`,
      credits_claimed: Math.ceil(price / 2),
    }),
    after: (before, { result, credits_claimed }) => ({
      ...before,
      status: 'delivered',
      result: result as string,
      credits_charged: credits_claimed as number,
    }),
  },
  approve: {
    verb: 'approve',
    by: 'poster',
    tells: { who: 'worker', of: 'task_approved' },
    body: () => ({ rating: 5 }),
    after: (before) => ({ ...before, status: 'approved' }),
  },
  reject: {
    verb: 'reject',
    by: 'poster',
    tells: { who: 'worker', of: 'task_rejected' },
    body: () => ({ reason: 'Once more, please' }),
    after: (before) => {
      const rejected = { ...before, rejection_count: before.rejection_count + 1 };
      return { ...rejected, ...backOnBoard, status: 'claimed', claimRejections: before.claimRejections + 1 };
    },
  },
} satisfies Record<string, Move>;

/** Applies a move to the expected state and records its event. */
function follow(move: Move, before: View, body: Record<string, unknown>, story: Story): View {
  const after = move.after(before, body, story);
  if (move.tells === undefined) return after;
  const { who, of } = move.tells;
  return { ...after, told: { ...after.told, [who]: [...after.told[who], of] } };
}

/** The possible next moves. Moves that advance the task are listed more often, so that they are drawn more often. */
const movesFrom: Partial<Record<TaskStatus, readonly [Move, ...Move[]]>> = {
  posted: [moves.pickup, moves.pickup, moves.pickup, moves.cancel],
  claimed: [moves.deliver, moves.deliver, moves.deliver, moves.abandon],
  delivered: [moves.approve, moves.approve, moves.reject],
};

/**
 * Sends one client's requests to a market whose server is killed repeatedly. A request that breaks is repeated with its
 * idempotency key until it gets a reply; without a key it is not repeated. Records the expected final state.
 */
export class History {
  readonly chapters: Chapter[] = [];
  /** The number of requests that broke and were not repeated. */
  leftOpen = 0;
  readonly #name: string;
  readonly #door: Door;
  readonly #random: Random;
  readonly #surroundings: Surroundings;
  #requests = 0;

  constructor(name: string, door: Door, random: Random, surroundings: Surroundings = {}) {
    this.#name = name;
    this.#door = door;
    this.#random = random;
    this.#surroundings = surroundings;
  }

  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      const poster = await this.#register('poster');
      const worker = await this.#register('worker');
      const granted = 1 + this.#random.below(100);
      await this.#repeat(adminKey, '/v1/admin/credits/grant', { agent_id: poster.id, amount: granted });
      const chapter = { poster, worker, granted, stories: [] };
      this.chapters.push(chapter);
      this.#surroundings.onChapter?.(chapter);
      for (let i = 0; i < 6 && goesOn(); i++) await this.#tell(chapter, goesOn);
    }
  }

  async #register(role: Role): Promise<Member> {
    const profile = this.#surroundings.profile?.() ?? {};
    const { body } = await this.#repeat(undefined, '/v1/register', { name: `${role} of ${this.#name}`, ...profile });
    return { id: body.agent_id, key: body.api_key, profile };
  }

  async #tell({ poster, worker, stories }: Chapter, goesOn: () => boolean): Promise<void> {
    const price = 1 + this.#random.below(30);
    const story: Story = { need: `task ${stories.length} of ${poster.id}`, price, may: [undefined] };
    stories.push(story);
    const task = await this.#step(
      story,
      poster.key,
      { path: '/v1/tasks', body: { need: story.need, max_credits: price } },
      posted,
    );

    while (task !== undefined && goesOn()) {
      const [view] = story.may;
      // After the last rejection of a claim, its worker can only give the task up.
      const next = view!.claimRejections === maxRejections ? ([moves.abandon] as const) : movesFrom[view!.status];
      if (next === undefined) return;
      const move: Move = this.#random.pick(next);
      const body = move.body?.(story, view!);
      const path = `/v1/tasks/${task.body.task_id}/${move.verb}`;
      const after = follow(move, view!, { ...body }, story);
      const reply = await this.#step(story, (move.by === 'poster' ? poster : worker).key, { path, body }, after);
      if (reply === undefined) return;
      if (move.verb !== 'pickup') expect(shown(reply.body)).toEqual(shown(after));
      const read = await this.#door.get?.({ id: '', key: poster.key }, `/v1/tasks/${task.body.task_id}`);
      if (read !== undefined) expect(shown(read.body)).toEqual(shown(after));
    }
  }

  /** Sends a request that changes a task, and records the states the task may have afterwards. */
  async #step(
    story: Story,
    key: string,
    { path, body }: { path: string; body: object | undefined },
    after: View,
  ): Promise<Reply | undefined> {
    if (this.#random.chance(80)) {
      const reply = await this.#repeat(key, path, body);
      story.may = [after];
      return reply;
    }
    const reply = await this.#door.post({ id: '', key }, path, body, {});
    if (reply === undefined) {
      this.leftOpen++;
      story.may = [...story.may, after];
    } else {
      expectSuccess(reply, path);
      story.may = [after];
    }
    return reply;
  }

  /** Sends a request with an idempotency key until it is answered. */
  async #repeat(key: string | undefined, path: string, body: object | undefined): Promise<Reply> {
    const headers = { 'idempotency-key': `${this.#name}, request ${++this.#requests}`.padEnd(16, '.') };
    for (;;) {
      const reply = await this.#door.post(key === undefined ? undefined : { id: '', key }, path, body, headers);
      if (reply === undefined) continue;
      expectSuccess(reply, path);
      return reply;
    }
  }
}

/** Every request here is valid, so a refusal means that the server repeated or lost an earlier request. */
function expectSuccess({ status, text }: Reply, path: string): void {
  if (status !== 200 && status !== 201) throw new Error(`${path} answered ${status}: ${text}`);
}

/** The fields of a task that a history predicts. */
export function shown(task: View | TaskResponse): Omit<View, 'claimRejections' | 'told'> {
  const { status, result, credits_charged, claim_number, rejection_count = 0 } = task;
  return { status, result, credits_charged, claim_number, rejection_count };
}
