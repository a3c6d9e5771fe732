import { z } from 'zod';
import { AcceptanceRequest } from './acceptance.ts';
import {
  agentIds,
  flag,
  integer,
  optional,
  paging,
  queryDecimal,
  queryInteger,
  queryTags,
  splitList,
  tags,
  text,
  textLengths,
} from './fields.ts';
import { type EventType, eventTypes } from './events.ts';
import { disputeStatuses } from './disputes.ts';
import { limits } from './limits.ts';
import { isBlank, pretends } from './names.ts';
import { scopes } from './scopes.ts';
import { deliveryStatuses, reportStatuses, taskStatuses, verificationModes } from './replies/index.ts';

const minutes = (max: number) => optional(integer(1, max));
const webhookUrl = text(limits.webhookUrlLength);

/** Standard Webhooks decode such a secret from base64 to the signing key, so it must hold enough bytes for a key. */
const whsec = /^whsec_(?=[^=]{22})(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
export const isWebhookSecret = (secret: string) => !secret.startsWith('whsec_') || whsec.test(secret);
const webhookSecret = text(limits.webhookSecretLength).refine(isWebhookSecret, {
  error: 'must be base64 of at least 16 bytes behind "whsec_", or begin otherwise',
});

const goodAt = text(limits.goodAtLength, 0);

/** Text that shows something. */
const shownText = (max: number) => text(max).refine((value) => !isBlank(value), { error: 'must not be blank' });

/** The name of an agent: none that others could take for the platform's own. */
const agentName = () =>
  shownText(limits.nameLength).refine((name) => !pretends(name), { error: 'must not pretend to be the platform' });

export const RegisterRequest = z.object({
  name: agentName(),
  good_at: optional(goodAt),
  tags: optional(tags(limits.capabilityTags)),
  invite: optional(text(limits.inviteLength)),
  accepts_system_tasks: optional(flag()),
  judges_disputes: optional(flag()),
  webhook_url: optional(webhookUrl),
  webhook_secret: optional(webhookSecret),
});

const eventList = z.enum(eventTypes, { error: `must be among ${eventTypes.join(', ')}` });
const fewEvents = { error: 'must be a list or a comma-separated text of types of events' };

/** Types of events in a body: a list, or one text with commas, in the order of `events`. */
const webhookEvents = z
  .union(
    [
      z.string(),
      z
        .array(z.unknown())
        .max(eventTypes.length)
        .meta({ items: { type: 'string', enum: [...eventTypes] } }),
    ],
    fewEvents,
  )
  .transform((value) => (typeof value === 'string' ? splitList(value) : value))
  .pipe(z.array(eventList).min(1, fewEvents).max(eventTypes.length, fewEvents))
  .transform((given) => eventTypes.filter((type) => given.includes(type)))
  .register(textLengths, { most: 500 });

export const UpdateMeRequest = z.object({
  name: optional(agentName()),
  good_at: goodAt.nullable().optional(),
  tags: tags(limits.capabilityTags).nullable().optional(),
  accepts_system_tasks: flag().nullable().optional(),
  judges_disputes: flag().nullable().optional(),
  webhook_url: webhookUrl.nullable().optional(),
  webhook_secret: webhookSecret.nullable().optional(),
  webhook_events: webhookEvents.nullable().optional(),
});

/** The agent's own id, so that no slip of the keyboard deletes an agent. */
export const DeleteMeQuery = z.object({ confirm: text(limits.nameLength) });

const scopeList = z.enum(scopes, { error: `must be among ${scopes.join(', ')}` });
const fewScopes = { error: `must be a list or a comma-separated text of ${scopes.join(', ')}` };

/** Scopes in a body: a list, or one text with commas, in the order of `scopes`. */
const keyScopes = () =>
  z
    .union(
      [
        z.string(),
        z
          .array(z.unknown())
          .max(scopes.length)
          .meta({ items: { type: 'string', enum: [...scopes] } }),
      ],
      fewScopes,
    )
    .transform((value) => (typeof value === 'string' ? splitList(value) : value))
    .pipe(z.array(scopeList).min(1, fewScopes).max(scopes.length, fewScopes))
    .transform((given) => scopes.filter((scope) => given.includes(scope)))
    .register(textLengths, { most: 100 });

export const CreateKeyRequest = z.object({
  name: shownText(limits.keyNameLength),
  scopes: optional(keyScopes()),
  max_credits_per_task: optional(integer(1)),
  max_credits_per_day: optional(integer(1)),
  expires_in_days: optional(integer(1, limits.keyDays)),
});

export const RotateKeyRequest = z.object({ overlap_minutes: optional(integer(0, limits.overlapMinutes)) });

export const CreateTaskRequest = z.object({
  need: text(limits.needLength).refine((need) => need.trim() !== '', { error: 'must not be blank' }),
  context: optional(text(limits.contextLength, 0)),
  max_credits: optional(integer(1, limits.maxCredits)),
  tags: optional(tags()),
  wait: optional(integer(1, limits.waitSeconds)),
  deadline_minutes: minutes(limits.deadlineMinutes),
  review_timeout_minutes: minutes(limits.timeoutMinutes),
  claim_timeout_minutes: minutes(limits.timeoutMinutes),
  heartbeat_minutes: minutes(limits.timeoutMinutes),
  acceptance: optional(AcceptanceRequest),
  auto_approve: optional(flag()),
  grace_minutes: optional(integer(limits.leastGraceMinutes, limits.timeoutMinutes)),
  dry_run: optional(flag()),
  verification: optional(z.enum(verificationModes, { error: `must be ${verificationModes.join(' or ')}` })),
  for_agents: optional(agentIds(limits.forAgents)),
});

/** The claim that a request is about, so that a delayed request can't affect a newer claim. */
const claimNumber = optional(integer(1));

export const DeliverRequest = z.object({
  result: text(limits.resultLength),
  credits_claimed: optional(integer(1)),
  claim_number: claimNumber,
});

export const AbandonRequest = z.object({ claim_number: claimNumber });

export const HeartbeatRequest = z.object({
  progress: optional(integer(0, 100)),
  note: optional(text(limits.noteLength, 0)),
  claim_number: claimNumber,
});

export const DeclineRequest = z.object({ reason: optional(text(limits.noteLength, 0)) });

export const ApproveRequest = z.object({
  rating: optional(integer(1, 5)),
  feedback: optional(text(limits.remarkLength, 0)),
});

export const RejectRequest = z.object({
  reason: text(limits.reasonLength),
  feedback: optional(text(limits.remarkLength, 0)),
  exclude: optional(flag()),
});

export const DisputeRequest = z.object({ reason: text(limits.reasonLength) });

export const RateRequest = z.object({
  rating: integer(1, 5),
  feedback: optional(text(limits.remarkLength, 0)),
});

export const ReportRequest = z.object({ reason: text(limits.reasonLength) });
export const QuestionRequest = z.object({ question: text(limits.questionLength) });
export const AnswerRequest = z.object({ answer: text(limits.answerLength) });
export const MessageRequest = z.object({ message: text(limits.messageLength) });

/** The fields of a pickup, which may stand in its query too. */
export const PickupRequest = z.object({
  tags: optional(tags()),
  search: optional(text(limits.searchLength, 0)),
  wait: optional(integer(1, limits.waitSeconds)),
});

export const PickupBatchRequest = PickupRequest.omit({ wait: true }).extend({
  count: optional(integer(1, limits.batch)),
});

export const NoBody = z.object({});

export const GrantRequest = z.object({
  agent_id: text(limits.nameLength),
  amount: integer(1, limits.grantCredits),
  reason: optional(text(limits.reasonLength)),
});

/** A reason that the task's parties are told (cancel) or that the admin log keeps (redact). */
export const OperatorReasonRequest = z.object({ reason: text(limits.reasonLength) });

export const DebitRequest = z.object({
  agent_id: text(limits.nameLength),
  amount: integer(1, limits.grantCredits),
  reason: optional(text(limits.reasonLength)),
});

export const SuspendRequest = z.object({
  agent_id: text(limits.nameLength),
  suspended: flag(),
  reason: optional(text(limits.reasonLength)),
});

/** Without `expires_in_hours` an invite has no end. */
export const CreateInviteRequest = z.object({
  credits: optional(integer(0, limits.inviteCredits)),
  uses: optional(integer(1, limits.inviteUses)),
  expires_in_hours: optional(integer(1, limits.inviteHours)),
});

export const ChangeAgentRequest = z.object({
  reissue_key: optional(flag()),
  accepts_system_tasks: optional(flag()),
  judges_disputes: optional(flag()),
});

/** A ruling: the part of the charge, in percent, that the worker gets. */
export const RuleDisputeRequest = z.object({
  worker_share: integer(0, 100),
  note: optional(text(limits.remarkLength, 0)),
});

export const DecideReportRequest = z.object({
  status: z.enum(['resolved', 'dismissed'], { error: 'must be resolved or dismissed' }),
  note: optional(text(limits.remarkLength, 0)),
});

const boardFilter = { tags: queryTags().optional(), search: text(limits.searchLength, 0).optional() };

export const BoardQuery = z.object({ ...boardFilter, ...paging(20) });
export const PickupQuery = z.object({ ...boardFilter, wait: queryInteger(1, limits.waitSeconds).optional() });
export const ShowTaskQuery = z.object({ wait: queryInteger(1, limits.waitSeconds).optional() });
export const LedgerQuery = z.object(paging(50));
export const MyTasksQuery = z.object({
  role: z.enum(['poster', 'worker'], { error: 'must be poster or worker' }).optional(),
  status: z.enum(taskStatuses, { error: `must be one of ${taskStatuses.join(', ')}` }).optional(),
  ...paging(20),
});

/** Questions and messages have the largest page by default: readers need the newest, which come last. */
export const ThreadQuery = z.object(paging(limits.pageSize));
export const TaskDeliveriesQuery = z.object(paging(20));
export const TrustQuery = z.object(paging(limits.pageSize));

export const DeliveriesQuery = z.object({
  status: z.enum(deliveryStatuses, { error: `must be one of ${deliveryStatuses.join(', ')}` }).optional(),
  ...paging(20),
});

export const directoryOrders = ['reputation', 'tasks_completed', 'rating_count', 'newest'] as const;
export type DirectoryOrder = (typeof directoryOrders)[number];

/** The tags of the tasks whose prices are asked for. */
export const PricesQuery = z.object({
  tags: queryTags().refine((tags) => tags.length > 0, { error: 'must have at least one tag' }),
});

export const DirectoryQuery = z.object({
  search: text(limits.searchLength, 0).optional(),
  tags: queryTags().optional(),
  min_reputation: queryDecimal(0, 5).optional(),
  sort_by: z.enum(directoryOrders, { error: `must be one of ${directoryOrders.join(', ')}` }).default('reputation'),
  ...paging(20),
});

export const ReportsQuery = z.object({
  status: z.enum(reportStatuses, { error: `must be one of ${reportStatuses.join(', ')}` }).optional(),
  ...paging(20),
});
export const adminTaskOrders = ['newest', 'oldest', 'due'] as const;
export const adminAgentOrders = ['newest', 'oldest'] as const;
export const agentStates = ['active', 'suspended'] as const;

/** `due`: the open tasks, in the order in which the clock acts on them. */
export const AdminTasksQuery = z.object({
  search: text(limits.searchLength, 0).optional(),
  status: z.enum(taskStatuses, { error: `must be one of ${taskStatuses.join(', ')}` }).optional(),
  sort_by: z.enum(adminTaskOrders, { error: `must be one of ${adminTaskOrders.join(', ')}` }).default('newest'),
  ...paging(20),
});

export const AdminAgentsQuery = z.object({
  search: text(limits.searchLength, 0).optional(),
  status: z.enum(agentStates, { error: `must be one of ${agentStates.join(', ')}` }).optional(),
  sort_by: z.enum(adminAgentOrders, { error: `must be one of ${adminAgentOrders.join(', ')}` }).default('newest'),
  ...paging(20),
});

export const adminDisputeOrders = ['newest', 'oldest', 'due'] as const;

/** `due`: the open disputes, in the order in which their time is up. */
export const AdminDisputesQuery = z.object({
  search: text(limits.searchLength, 0).optional(),
  status: z.enum(disputeStatuses, { error: `must be one of ${disputeStatuses.join(', ')}` }).optional(),
  sort_by: z.enum(adminDisputeOrders, { error: `must be one of ${adminDisputeOrders.join(', ')}` }).default('newest'),
  ...paging(20),
});

export const InvitesQuery = z.object(paging(20));
export const AdminLogQuery = z.object(paging(20));

/** The number of the last event that the reader knows; 0 before the first. */
export const eventPosition = () => queryInteger(0, 999_999_999_999_999);

const isEventType = (name: string): name is EventType => eventTypes.some((type) => type === name);

const eventFilter = {
  after: eventPosition().optional(),
  types: z
    .string()
    .transform((value, check) => {
      const names = splitList(value);
      const message =
        'must be a comma-separated list of event types, such as task_claimed,task_delivered; /skill.md lists all';
      if (names.every(isEventType)) return names;
      check.issues.push({ code: 'custom', message, input: value });
      return z.NEVER;
    })
    .optional(),
};
export const EventStreamQuery = z.object(eventFilter);
export const EventHistoryQuery = z.object({
  ...eventFilter,
  ...paging(limits.pageSize),
});
