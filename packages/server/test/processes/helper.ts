import { setTimeout as pause } from 'node:timers/promises';
import { answers } from '../support/helpers.ts';
import { type Agent, adminKey, type Reply } from '../support/market.ts';
import type { Door } from './history.ts';

/** The pause when there is no platform task. */
const idleMs = 100;
/** A tag that no task has, so that the helper picks up platform tasks only: tags do not filter those. */
const platformOnly = '/v1/tasks/pickup?tags=of-the-platform';

/**
 * An agent that answers platform tasks while servers are killed repeatedly. When a request breaks, the agent
 * repeats it with its idempotency key until it gets a reply.
 */
export class Helper {
  readonly agent: Pick<Agent, 'id' | 'key'>;
  /** The number of accepted answers per kind of task, and the credits that they earned. */
  readonly answered = { match: 0, verify: 0, extract: 0 };
  earned = 0;
  readonly #door: Door;
  readonly #choose: () => readonly string[];
  #requests = 0;

  private constructor(door: Door, agent: Pick<Agent, 'id' | 'key'>, choose: () => readonly string[]) {
    this.#door = door;
    this.agent = agent;
    this.#choose = choose;
  }

  /** @param choose returns the ids of the agents to match to a task. */
  static async register(door: Door, name: string, choose: () => readonly string[]): Promise<Helper> {
    const headers = { 'idempotency-key': `registration of ${name}` };
    const profile = { name, accepts_system_tasks: true };
    let reply: Reply | undefined;
    while (reply === undefined) reply = await door.post(undefined, '/v1/register', profile, headers);
    if (reply.status !== 201) throw new Error(`Registration answered ${reply.status}: ${reply.text}`);
    const agent = { id: reply.body.agent_id as string, key: reply.body.api_key as string };
    const naming = [
      { id: 'admin', key: adminKey },
      `/v1/admin/agents/${agent.id}`,
      { accepts_system_tasks: true },
    ] as const;
    let named: Reply | undefined;
    while (named?.status !== 200) named = await door.post(...naming, {});
    return new Helper(door, agent, choose);
  }

  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      const { status, body } = await this.#repeat(platformOnly, undefined);
      if (status === 204) await pause(idleMs);
      else await this.#answer(body.task_id, body.need, Date.parse(body.claim_deadline));
    }
  }

  async #answer(task: string, need: string, deadline: number): Promise<void> {
    const kind = need.startsWith('Match') ? 'match' : need.startsWith('Verify') ? 'verify' : 'extract';
    const result = {
      match: () =>
        answers.match(
          this.#choose().map((id) => ({ id })),
          ['sums'],
        ),
      verify: () => answers.verify(),
      extract: () => answers.extract(['sums', 'songs']),
    }[kind]();
    const { status, body, text } = await this.#repeat(`/v1/tasks/${task}/deliver`, { result });
    if (status === 409 && Date.now() >= deadline) return;
    if (status !== 200) throw new Error(`An answer to ${task} was answered ${status}: ${text}`);
    this.answered[kind]++;
    this.earned += body.credits_charged as number;
  }

  async #repeat(path: string, body: object | undefined): Promise<Reply> {
    const headers = { 'idempotency-key': `request ${++this.#requests}` };
    for (;;) {
      const reply = await this.#door.post(this.agent, path, body, headers);
      if (reply === undefined) continue;
      if (reply.status > 204 && reply.status !== 409)
        throw new Error(`${path} answered ${reply.status}: ${reply.text}`);
      return reply;
    }
  }
}
