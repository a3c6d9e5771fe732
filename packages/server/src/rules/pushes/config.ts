import { isEnded } from '../../ground/states.ts';
import type { A2aVersion } from '../../ground/a2a.ts';
import { conflict, invalid } from '../../ground/errors.ts';
import type { TaskStatus } from '@pinchwork/sdk/table';
import type { Work } from '../../storage/ground.ts';
import { checkWebhookUrl, type Resolve } from '../webhooks/address.ts';
import { pushesDue } from './call.ts';
import { countPushes, holdPush, pushesOf, type PushRow, setPush } from './queries.ts';
import { keptMs } from './step.ts';

/** Configurations of one task, and of all tasks of one agent. */
const mostOfTask = 10;
const mostOfAgent = 1_000;

const mostNameCharacters = 255;
const mostUrlCharacters = 2_000;
const mostSecretCharacters = 2_000;

/** What a client says of a push configuration, unchecked. Empty: not said. */
export interface PushRequest {
  /** The version of A2A that its notifications are written in. */
  readonly version: A2aVersion;
  readonly name: unknown;
  readonly url: unknown;
  readonly token: unknown;
  readonly scheme: unknown;
  readonly credentials: unknown;
}

/** A configuration that can be stored. */
interface NewPush extends Pick<PushRow, 'a2a_version' | 'url' | 'token' | 'auth_scheme' | 'auth_credentials'> {
  /** Null: it has the name of its task. */
  readonly name: string | null;
}

/**
 * Checks a push configuration, and where it leads (contract section 9, "Addresses").
 *
 * @throws DomainError `invalid_request`, which says what is wrong with it.
 */
export async function checkPush(
  { config, resolve }: { readonly config: Work['ctx']['config']; readonly resolve: Resolve },
  { version: a2a_version, name, url, token, scheme, credentials }: PushRequest,
): Promise<NewPush> {
  const checked = {
    a2a_version,
    name: textIn('id', name, /^[^\0]*$/u, mostNameCharacters),
    url: textIn('url', url, /^[^\0]*$/u, mostUrlCharacters) ?? '',
    token: textIn('token', token, headerText, mostSecretCharacters),
    auth_scheme: textIn('authentication.scheme', scheme, /^[\w!#$%&'*+.^`|~-]+$/, 100),
    auth_credentials: textIn('authentication.credentials', credentials, headerText, mostSecretCharacters),
  };
  await checkWebhookUrl(checked.url, config.webhooks, resolve, 'url');
  return checked;
}

/** What can stand in a header. */
const headerText = /^[\x20-\x7e]+$/;

/** A text of a configuration; null if it is not said. */
function textIn(field: string, value: unknown, pattern: RegExp, most: number): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string' && value.length <= most && value.isWellFormed() && pattern.test(value)) return value;
  throw invalid(
    `The push notification configuration's ${field} must be text of at most ${most} characters that fits in there`,
  );
}

interface OwnTask {
  readonly id: string;
  readonly status: TaskStatus;
  readonly version: number;
}

/** Who sets a configuration. */
interface Owner {
  readonly agentId: string;
  readonly budgetId: string;
}

/**
 * Stores a push configuration of a task that the transaction has locked, or has made, and that has terms. One with the
 * same name and address goes on from where it was; a new address gets nothing but the state of the task until it has
 * answered with 2xx.
 *
 * @throws DomainError `conflict` if the task or the agent has too many.
 */
export async function storePush(
  work: Work,
  task: OwnTask,
  { agentId, budgetId }: Owner,
  push: NewPush,
): Promise<PushRow> {
  const { ctx, tx, now } = work;
  const key = { task_id: task.id, name: push.name ?? task.id };
  const before = await tx.first(holdPush, key);
  if (before === undefined) await checkCount(work, task.id, agentId);
  const isKnown = before?.url === push.url;
  const isTested = !isKnown && ctx.config.webhooks.confirmsReceivers;
  await tx.run(setPush, {
    ...{ ...push, ...key, agent_id: agentId, budget_id: budgetId },
    told_version: isKnown ? before.told_version : task.version,
    status: isKnown ? before.status : isTested ? 'unconfirmed' : 'active',
    since: isKnown ? before.since : now,
    due_at: isTested || (isKnown && before.due_at !== null) ? now : null,
    forget_at: isEnded(task.status) && !isTested && (!isKnown || before.due_at === null) ? now + keptMs : null,
  });
  tx.signal(pushesDue);
  const [stored] = (await tx.all(pushesOf, { task_id: task.id })).filter(({ name }) => name === key.name);
  if (stored === undefined) throw new Error(`The push configuration of ${task.id} is not there`);
  return stored;
}

async function checkCount({ tx }: Work, task_id: string, agent_id: string): Promise<void> {
  const ofTask = await tx.all(pushesOf, { task_id });
  if (ofTask.length >= mostOfTask) {
    throw conflict(`The task has ${mostOfTask} push notification configurations already`, 'Delete one of them first.');
  }
  const { total } = await tx.one(countPushes, { agent_id, limit: mostOfAgent });
  if (total >= mostOfAgent) {
    throw conflict(
      `You have ${mostOfAgent} push notification configurations already`,
      'Use one webhook for all your tasks: PATCH /v1/me with webhook_url.',
    );
  }
}
