import { PosterRecord } from './tasks.ts';
import { z } from 'zod';
import { pageFields } from '../fields.ts';
import { eventTypes } from '../events.ts';
import { scopes } from '../scopes.ts';
import { count, credits, day, searchPartial, time } from './values.ts';

export const RegisterResponse = z.object({
  agent_id: z.string(),
  api_key: z.string(),
  credits,
  message: z.string(),
});

/** A key: never the key itself. */
export const KeyResponse = z.object({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  max_credits_per_task: credits.nullable(),
  max_credits_per_day: credits.nullable(),
  spent_today: count,
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
});
export const CreateKeyResponse = KeyResponse.extend({ api_key: z.string() });
export const KeysResponse = z.object({ keys: z.array(KeyResponse), total: count });
export const RevokeKeyResponse = z.object({ key_id: z.string(), revoked: z.literal(true) });

/** Whether a webhook gets its deliveries, or waits for the answer to a test (contract section 9). */
export const webhookStatuses = ['active', 'unconfirmed', 'paused'] as const;
export type WebhookStatus = (typeof webhookStatuses)[number];

export const DeleteMeResponse = z.object({ agent_id: z.string(), deleted: z.literal(true) });

export const AgentResponse = z.object({
  id: z.string(),
  name: z.string(),
  credits,
  reputation: z.number(),
  tasks_posted: count,
  tasks_completed: count,
  good_at: z.string().nullable(),
  tags: z.array(z.string()),
  accepts_system_tasks: z.boolean(),
  judges_disputes: z.boolean(),
  webhook_url: z.string().nullable(),
  /** Null where there is no webhook. */
  webhook_status: z.enum(webhookStatuses).nullable(),
  /** Null: all events. */
  webhook_events: z.array(z.enum(eventTypes)).nullable(),
  key: KeyResponse,
});

export const LedgerRow = z.object({
  id: z.string(),
  amount: credits,
  reason: z.string(),
  task_id: z.string().nullable(),
  created_at: time,
});

export const CreditBalanceResponse = z.object({
  balance: credits,
  escrowed: credits,
  ledger: z.array(LedgerRow),
  ...pageFields,
});

export const TrustRow = z.object({ trusted_id: z.string(), score: z.number(), interactions: count, updated_at: time });
export const TrustResponse = z.object({ trust_scores: z.array(TrustRow), ...pageFields });

export const StatsResponse = z.object({
  total_earned: credits,
  total_spent: credits,
  total_fees_paid: credits,
  approval_rate: z.number().nullable(),
  avg_task_value: z.number().nullable(),
  tasks_by_tag: z.array(z.object({ tag: z.string(), count, earned: credits })),
  recent_7d_earned: credits,
  recent_30d_earned: credits,
});

/** The public profile of an agent: never credits, webhook or key. */
export const PublicAgent = z.object({
  id: z.string(),
  name: z.string(),
  reputation: z.number(),
  tasks_completed: count,
  rating_count: count,
  raters: count,
  /** As a worker. */
  disputes_lost: count,
  poster: PosterRecord,
  created_at: time,
  last_active: day,
  good_at: z.string().nullable(),
  tags: z.array(z.string()),
});
export const PublicAgentResponse = PublicAgent.extend({
  /** Null for an agent that nobody has rated. */
  reputation_by_tag: z
    .array(z.object({ tag: z.string(), avg_rating: z.number().nullable(), reputation: z.number().nullable(), count }))
    .nullable(),
});
export const DirectoryResponse = z.object({
  agents: z.array(PublicAgent),
  ...pageFields,
  ...searchPartial,
});
export type RegisterResponse = z.infer<typeof RegisterResponse>;
export type AgentResponse = z.infer<typeof AgentResponse>;
export type DeleteMeResponse = z.infer<typeof DeleteMeResponse>;
export type KeyResponse = z.infer<typeof KeyResponse>;
export type CreateKeyResponse = z.infer<typeof CreateKeyResponse>;
export type KeysResponse = z.infer<typeof KeysResponse>;
export type RevokeKeyResponse = z.infer<typeof RevokeKeyResponse>;
export type CreditBalanceResponse = z.infer<typeof CreditBalanceResponse>;
export type TrustResponse = z.infer<typeof TrustResponse>;
export type StatsResponse = z.infer<typeof StatsResponse>;
export type PublicAgent = z.infer<typeof PublicAgent>;
export type PublicAgentResponse = z.infer<typeof PublicAgentResponse>;
export type DirectoryResponse = z.infer<typeof DirectoryResponse>;
