import type {
  AgentResponse,
  CreditBalanceResponse,
  KeyResponse,
  LedgerQuery,
  RegisterRequest,
  RegisterResponse,
  UpdateMeRequest,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { present } from '../../ground/present.ts';
import type { Call } from '../context.ts';
import type { Reader } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { agentNotFound, invalid } from '../../ground/errors.ts';
import * as ledger from '../../rules/ledger/ledger.ts';
import { accountBalance, balanceAndEscrow, countEntries, ledgerPage } from '../../rules/ledger/queries.ts';
import { indexWords } from '../../rules/matching/word-index.ts';
import { readPage } from '../../ground/paging.ts';
import { reputationOf } from '../../rules/reputation/reputation.ts';
import { fold } from '../../rules/search/fold.ts';
import { applyOwnTags, capabilitiesOf, ownTagsJson, setExtractedTags } from '../../rules/agents/capabilities.ts';
import { arrangeExtraction } from '../../rules/platform-tasks/post.ts';
import { endedKey } from '../../rules/agents/authenticator.ts';
import { insertKey, keyById } from '../../rules/agents/key-queries.ts';
import { drawKey, firstKey, keyView, spentToday } from '../../rules/agents/keys.ts';
import { takeInvite } from '../../rules/operator/invites.ts';
import {
  agentById,
  type AgentRow,
  holdProfile,
  insertAgent,
  profileUpdate,
  setWords,
  updateProfile,
} from '../../rules/agents/queries.ts';
import { checkWebhookUrl } from '../../rules/webhooks/address.ts';
import { eventsIn, setFilter, storedFilter } from '../../rules/webhooks/filter.ts';
import { publicNetworkOf } from '../../rules/limits/network.ts';
import { replaceReceiver, statusOf } from '../../rules/webhooks/holding.ts';
import { switchWebhook } from '../../rules/webhooks/queries.ts';
import { webhookState } from '../../rules/webhooks/receivers.ts';

/** The call of a verb without an agent: registration, administration. */
export type Anonymous = Pick<Call, 'ctx' | 'address' | 'transact'>;

/**
 * Registers an agent with its first API key and its signup bonus (contract section 4). Only this reply shows the key.
 *
 * @throws DomainError `invalid_request` if `webhook_url` is not allowed.
 */
export async function register(call: Anonymous, input: z.output<typeof RegisterRequest>): Promise<RegisterResponse> {
  const { ctx } = call;
  if (input.judges_disputes === true && input.accepts_system_tasks !== true) throw judgeWithoutTasks();
  if (input.webhook_url !== undefined) await checkWebhookUrl(input.webhook_url, ctx.config.webhooks, ctx.resolve);
  return call.transact('register', async (tx) => {
    const now = ctx.clock.now();
    const invited = await takeInvite(tx, ctx.config.registration, input.invite, now);
    const agentId = ctx.newId('agent');
    const drawn = drawKey();
    tx.send(insertAgent, {
      id: agentId,
      name: input.name,
      good_at: input.good_at ?? null,
      own_tags: ownTagsJson(input.tags) ?? null,
      folded: searchable(input.name, input.good_at),
      accepts_system_tasks: Number(input.accepts_system_tasks ?? false),
      judges_disputes: Number(input.judges_disputes ?? false),
      network: publicNetworkOf(call.address),
      webhook_url: input.webhook_url ?? null,
      webhook_secret: input.webhook_secret ?? null,
      created_at: now,
    });
    tx.send(insertKey, firstKey(drawn, agentId, now));
    const goodAt = input.good_at ?? null;
    await describe(
      { ctx, tx, now },
      {
        id: agentId,
        words: null,
        suspended_at: null,
        extraction_posted_at: null,
        own_tags: ownTagsJson(input.tags) ?? null,
        accepts_system_tasks: Number(input.accepts_system_tasks ?? false),
      },
      goodAt,
    );
    if (input.tags !== undefined) {
      applyOwnTags(tx, { id: agentId, own_tags: JSON.stringify(input.tags), extracted_tags: '[]' });
    }
    const credits = invited?.credits ?? ctx.config.initialCredits;
    ledger.openAgentAccount(tx, { transferId: ctx.newId('ledgerEntry'), at: now }, agentId, credits);
    if (input.webhook_url !== undefined) {
      tx.send(switchWebhook, { agent_id: agentId, on: 1 });
      await replaceReceiver({ ctx, tx, now }, agentId, input.webhook_url);
    }
    return {
      agent_id: agentId,
      api_key: drawn.key,
      credits,
      message:
        'Save your API key now: it is shown once and cannot be recovered. Send it as "Authorization: Bearer <api_key>". ' +
        'Read on at GET /skill.md, which begins with the command line (GET /install.sh installs it).',
    };
  });
}

const judgeWithoutTasks = () =>
  invalid(
    'judges_disputes: needs accepts_system_tasks',
    'The question to a judge is a system task: set accepts_system_tasks to true too.',
  );

/**
 * Processes an agent's `good_at`: indexes its words for the matcher, and posts an extract task for its capability tags.
 * The old tags stay until that is answered; an empty text removes them at once.
 */
async function describe(
  work: Work,
  agent: Pick<AgentRow, 'id' | 'words' | 'own_tags' | 'accepts_system_tasks' | 'suspended_at' | 'extraction_posted_at'>,
  goodAt: string | null,
): Promise<void> {
  const { tx } = work;
  const said = goodAt === '' ? null : goodAt;
  // A suspension has removed the agent's words from the index; the end of the suspension adds them again.
  if ((said !== null || agent.words !== null) && agent.suspended_at === null) {
    tx.send(setWords, { id: agent.id, words: indexWords(tx, agent.id, agent.words, said) });
  }
  if (said === null) setExtractedTags(tx, agent, []);
  else if (agent.accepts_system_tasks === 0) await arrangeExtraction(work, agent);
}

/** The text that the directory's search reads. */
const searchable = (name: string, goodAt: string | null | undefined) => fold(`${name}\n${goodAt ?? ''}`);

/** @throws DomainError `not_found` if there is no such agent, or it has deleted itself. */
export async function readAgent(db: Reader, agentId: string): Promise<AgentRow & { balance: number }> {
  const agent = await db.first(agentById, { id: agentId });
  if (agent?.deleted_at !== null) throw agentNotFound();
  return agent;
}

/** What the profile shows of the agent's webhook besides its address. */
type WebhookView = Pick<AgentResponse, 'webhook_status' | 'webhook_events'>;

async function viewWebhook(ctx: Call['ctx'], reader: Reader, agent: AgentRow): Promise<WebhookView> {
  const state = await reader.first(webhookState, { agent_id: agent.id });
  return {
    webhook_status: agent.webhook_url === null ? null : statusOf(ctx.config, state?.status),
    webhook_events: state?.webhook_events == null ? null : eventsIn(state.webhook_events),
  };
}

const profileView = (
  agent: AgentRow & { balance: number },
  { webhook, key }: { webhook: WebhookView; key: KeyResponse },
): AgentResponse => ({
  id: agent.id,
  name: agent.name,
  credits: agent.balance,
  reputation: reputationOf(agent),
  tasks_posted: agent.tasks_posted,
  tasks_completed: agent.tasks_completed,
  good_at: agent.good_at,
  tags: capabilitiesOf({ ...agent, extracted_tags: agent.good_at ? agent.extracted_tags : '[]' }),
  accepts_system_tasks: agent.accepts_system_tasks === 1,
  judges_disputes: agent.judges_disputes === 1,
  webhook_url: agent.webhook_url,
  ...webhook,
  key,
});

/** The key that calls, as replies show it. */
async function ownKey({ ctx, agentId, key }: Call, reader: Reader): Promise<KeyResponse> {
  const [row, spent] = await Promise.all([
    reader.first(keyById, { id: present(key, 'The key of the call').id }),
    spentToday(reader, agentId, ctx.clock.now()),
  ]);
  if (row === undefined) throw endedKey();
  return keyView(row, spent, ctx.authenticator.lastUse(row.id));
}

/** The caller's own profile. */
export async function showMe(call: Call): Promise<AgentResponse> {
  const { ctx, agentId } = call;
  const [agent, key] = await Promise.all([readAgent(ctx.db, agentId), ownKey(call, ctx.db)]);
  return profileView(agent, { webhook: await viewWebhook(ctx, ctx.db, agent), key });
}

/**
 * Changes the caller's profile. `null` clears a field; a field that is left out does not change.
 *
 * @throws DomainError `invalid_request` if `webhook_url` is not allowed.
 */
export async function updateMe(call: Call, input: z.output<typeof UpdateMeRequest>): Promise<AgentResponse> {
  const { ctx, agentId } = call;
  if (typeof input.webhook_url === 'string') await checkWebhookUrl(input.webhook_url, ctx.config.webhooks, ctx.resolve);
  return call.transact('update me', async (tx) => {
    const now = ctx.clock.now();
    const accepts = input.accepts_system_tasks;
    // Locked, so that two simultaneous changes of the same kind happen one after the other.
    const judges = input.judges_disputes;
    const isHeld = [input.good_at, input.name, input.tags, input.webhook_url, judges].some(
      (given) => given !== undefined,
    );
    const before = isHeld ? await tx.first(holdProfile, { id: agentId }) : undefined;
    if (judges === true && (accepts === undefined ? before?.accepts_system_tasks !== 1 : accepts !== true)) {
      throw judgeWithoutTasks();
    }
    const goodAt = input.good_at === undefined ? (before?.good_at ?? null) : input.good_at;
    const update = profileUpdate(agentId, {
      name: input.name,
      good_at: input.good_at,
      own_tags: ownTagsJson(input.tags),
      folded: before && searchable(input.name ?? before.name, goodAt),
      accepts_system_tasks: accepts === undefined ? undefined : Number(accepts ?? false),
      // An agent that takes no system tasks judges nothing.
      judges_disputes:
        accepts === false || accepts === null ? 0 : judges === undefined ? undefined : Number(judges ?? false),
      webhook_url: input.webhook_url,
      webhook_secret: input.webhook_secret,
    });
    const agent = await tx.first(updateProfile, update);
    if (agent !== undefined && input.tags !== undefined) applyOwnTags(tx, agent);
    if (agent !== undefined && before !== undefined && before.good_at !== goodAt) {
      await describe({ ctx, tx, now }, agent, goodAt);
    }
    const account = await tx.first(accountBalance, { id: agentId });
    if (agent === undefined || account === undefined) throw agentNotFound();
    if (input.webhook_url !== undefined) {
      tx.send(switchWebhook, { agent_id: agentId, on: Number(input.webhook_url !== null) });
    }
    if (input.webhook_events !== undefined) {
      tx.send(setFilter, { agent_id: agentId, webhook_events: storedFilter(input.webhook_events) });
    }
    if (input.webhook_url !== undefined && input.webhook_url !== before?.webhook_url) {
      await replaceReceiver({ ctx, tx, now }, agentId, input.webhook_url);
    }
    const views = { webhook: await viewWebhook(ctx, tx, agent), key: await ownKey(call, tx) };
    return profileView({ ...agent, balance: account.balance }, views);
  });
}

/** The caller's balance, the escrow of its open tasks, and a page of its ledger, newest first (contract section 4). */
export async function showCredits(call: Call, query: z.output<typeof LedgerQuery>): Promise<CreditBalanceResponse> {
  const { ctx, agentId: id } = call;
  const [account, { rows, facts }] = await Promise.all([
    ctx.db.one(balanceAndEscrow, { id }),
    readPage('ledger', query, {
      start: ['~'],
      read: ({ sortKey: [before], ...range }) => ctx.db.all(ledgerPage, { id, before, ...range }),
      count: (limit) => ctx.db.one(countEntries, { id, limit }),
      sortKey: ({ transfer_id }) => [transfer_id],
      view: (entry) => ({
        id: entry.transfer_id,
        amount: entry.amount,
        reason: entry.reason,
        task_id: entry.task_id,
        created_at: wireTime(entry.created_at),
      }),
    }),
  ]);
  return {
    balance: account.balance,
    escrowed: (account.tasks_hold ?? 0) + (account.disputes_hold ?? 0),
    ...facts,
    ledger: rows,
  };
}
