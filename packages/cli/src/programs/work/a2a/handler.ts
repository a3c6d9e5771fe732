import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { WorkContext, WorkResult, WorkTask } from '@pinchwork/sdk';
import type { Context } from '../../../command/row.ts';
import { usage } from '../../../failure.ts';
import { safeLine } from '../../../output/text.ts';
import { doubling, pause } from '../../pause.ts';
import { longestResult } from '../longest.ts';
import { A2aAgent, agentFailure } from './agent.ts';
import type { Told } from './wire.ts';

interface A2aFlags {
  readonly a2a: string;
  readonly 'a2a-token'?: string | undefined;
  readonly 'a2a-token-file'?: string | undefined;
  /** Seconds that one task may take. */
  readonly timeout?: number | undefined;
}

type Handler = (task: WorkTask, work: WorkContext) => Promise<WorkResult>;

const firstLookMs = 250;
const lastLookMs = 10_000;
/** How long the agent may take to hear that its task is not wanted any more. */
const cancelMs = 3_000;

/**
 * Does tasks with an agent of A2A. Each is sent as a message whose id follows from the task, its claim and what was
 * rejected: a worker that is killed sends the same message again.
 *
 * @throws Failure without a card that it can use
 */
export async function agentHandler(context: Context, flags: A2aFlags): Promise<Handler> {
  const { clock, signal } = context;
  const given = addressOf(flags.a2a);
  const agent = await A2aAgent.find(context, given, await keyOf(context, flags), signal);
  const { name, binding, version, url } = agent.interface;
  await context.tell(`Tasks go to the A2A agent ${safeLine(name)} at ${new URL(url).origin} (${version}, ${binding}).`);
  return async (task, { signal: ended }) => {
    const limit = new AbortController();
    const limitMs = limitOf(task, flags.timeout, clock.now());
    const cancelLimit = limitMs === undefined ? () => undefined : clock.after(limitMs, () => limit.abort());
    const both = AbortSignal.any([ended, limit.signal]);
    let remote: string | undefined;
    try {
      const send = {
        type: 'send',
        messageId: messageIdOf(task),
        text: messageOf(task),
        metadata: metadataOf(task),
      } as const;
      const say = (reason: string) => void context.tell(`${task.task_id}: ${reason}; trying again`);
      let answer = await agent.call(send, both, say);
      for (let look = 1; ; look++) {
        if (answer.type === 'task') remote = isOver(answer.state) ? undefined : answer.id;
        const result = resultOf(answer);
        if (result !== undefined) return fitting(result);
        if (!(await pause(clock, doubling(look, firstLookMs, lastLookMs), both))) throw new Error('The task was ended');
        answer = await agent.call({ type: 'get', taskId: remote ?? '' }, both, say);
      }
    } catch (error) {
      if (remote !== undefined) await letGo(agent, remote);
      if (limit.signal.aborted) throw agentFailure(`The agent took longer than ${(limitMs ?? 0) / 1_000} s`);
      throw error;
    } finally {
      cancelLimit();
    }
  };
}

/** Tells the agent that its task is not wanted any more. What comes of it does not matter here. */
const letGo = (agent: A2aAgent, taskId: string): Promise<unknown> =>
  agent.call({ type: 'cancel', taskId }, AbortSignal.timeout(cancelMs)).catch(() => undefined);

const ended: Readonly<Record<string, string>> = {
  failed: 'failed at it',
  rejected: 'rejects it',
  canceled: 'has cancelled it',
  'input-required': 'asks for more, which this worker cannot give',
  'auth-required': 'asks for an authorization, which this worker cannot give',
};

const isOver = (state: string) => ['completed', 'failed', 'rejected', 'canceled'].includes(state);

/** The result; undefined while the agent works. @throws Failure where there will be none */
function resultOf(answer: Told): string | undefined {
  if (answer.type === 'message') return answer.text;
  const { state, note, result } = answer;
  if (state === 'submitted' || state === 'working') return undefined;
  if (state === 'completed') {
    if (result !== undefined) return result;
    throw agentFailure('The agent has finished with a file as bytes, and results are texts');
  }
  throw agentFailure(`The agent ${ended[state] ?? `says "${state}"`}${note === '' ? '' : `: ${note}`}`);
}

function fitting(result: string): string {
  if (result.trim() === '') throw agentFailure('The agent has finished without a result');
  if (result.length > longestResult && Array.from(result).length > longestResult) {
    throw agentFailure(`The result of the agent has more than ${longestResult.toLocaleString('en')} characters`);
  }
  return result;
}

/** As long as the user allows, and never longer than the claim. */
function limitOf({ claim_deadline: end }: WorkTask, seconds: number | undefined, now: number): number | undefined {
  const claimMs = end == null ? NaN : Date.parse(end) - now;
  const limits = [...(seconds === undefined ? [] : [seconds * 1_000]), ...(claimMs > 0 ? [claimMs] : [])];
  return limits.length === 0 ? undefined : Math.min(...limits);
}

const messageIdOf = ({ task_id, claim_number, rejection }: WorkTask): string => {
  const rest = createHash('sha256')
    .update(JSON.stringify([task_id, claim_number, rejection]))
    .digest('hex');
  return `pinchwork-${task_id}-${claim_number}-${rest.slice(0, 16)}`;
};

/** The task as a text for the agent. */
function messageOf({ need, context, acceptance, rejection }: WorkTask): string {
  const feedback = rejection?.feedback ?? null;
  return [
    need,
    context == null || context === '' ? undefined : `Context:\n${context}`,
    acceptance == null ? undefined : `The result must meet:\n${JSON.stringify(acceptance)}`,
    rejection === null
      ? undefined
      : `An earlier result was rejected: ${rejection.reason}${feedback === null ? '' : `\n${feedback}`}`,
  ]
    .filter((text) => text !== undefined)
    .join('\n\n');
}

/** What programs may want to know besides the text, under one name. */
const metadataOf = ({ task_id, claim_number, tags, max_credits, poster_id }: WorkTask): object => ({
  pinchwork: { taskId: task_id, claimNumber: claim_number, tags, maxCredits: max_credits, posterId: poster_id },
});

function addressOf(given: string): string {
  if (URL.canParse(given)) {
    const { href, protocol, username, password } = new URL(given);
    if (['http:', 'https:'].includes(protocol) && username + password === '') return href;
  }
  throw usage(`--a2a must be the address of an agent, such as https://agent.example, not "${given}"`);
}

/** The key for the agent: a flag, a file, or the environment. */
async function keyOf({ env, cwd }: Context, flags: A2aFlags): Promise<string | undefined> {
  const { 'a2a-token': token, 'a2a-token-file': file } = flags;
  const given =
    token ??
    (file === undefined ? env.PINCHWORK_A2A_TOKEN : await readFile(resolve(cwd, file), 'utf8').catch(() => ''));
  if (given === undefined) return undefined;
  const key = given.trim();
  // What cannot stand in a header would be named in an error of the network.
  if (/^[\x20-\x7e]{1,4000}$/.test(key)) return key;
  throw usage(
    file !== undefined && token === undefined
      ? `--a2a-token-file: there is no key in ${file}`
      : 'The key for the A2A agent must be one line of ASCII text',
  );
}
