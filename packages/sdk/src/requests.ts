import { z } from 'zod';
import { flag, integer, optional, paging, queryInteger, queryTags, tags, text } from './fields.ts';
import { limits } from './limits.ts';
import { taskStatuses } from './replies.ts';

const minutes = (max: number) => optional(integer(1, max));
const webhookUrl = text(limits.webhookUrlLength);
const webhookSecret = text(limits.webhookSecretLength);
const goodAt = text(limits.goodAtLength, 0);

export const RegisterRequest = z.object({
  name: text(limits.nameLength),
  good_at: optional(goodAt),
  accepts_system_tasks: optional(flag()),
  webhook_url: optional(webhookUrl),
  webhook_secret: optional(webhookSecret),
});

export const UpdateMeRequest = z.object({
  good_at: goodAt.nullable().optional(),
  accepts_system_tasks: flag().nullable().optional(),
  webhook_url: webhookUrl.nullable().optional(),
  webhook_secret: webhookSecret.nullable().optional(),
});

export const CreateTaskRequest = z.object({
  need: text(limits.needLength),
  context: optional(text(limits.contextLength, 0)),
  max_credits: optional(integer(1, limits.maxCredits)),
  tags: optional(tags()),
  wait: optional(integer(1, limits.waitSeconds)),
  deadline_minutes: minutes(limits.deadlineMinutes),
  review_timeout_minutes: minutes(limits.timeoutMinutes),
  claim_timeout_minutes: minutes(limits.timeoutMinutes),
});

/** The claim that a worker means, so that a late request about an older claim can't touch a newer one. */
const claimNumber = optional(integer(1));

export const DeliverRequest = z.object({
  result: text(limits.resultLength),
  credits_claimed: optional(integer(1)),
  claim_number: claimNumber,
});

export const AbandonRequest = z.object({ claim_number: claimNumber });

export const ApproveRequest = z.object({
  rating: optional(integer(1, 5)),
  feedback: optional(text(limits.remarkLength, 0)),
});

export const RejectRequest = z.object({
  reason: text(limits.reasonLength),
  feedback: optional(text(limits.remarkLength, 0)),
});

export const PickupBatchRequest = z.object({
  count: optional(integer(1, limits.batch)),
  tags: optional(tags()),
  search: optional(text(limits.needLength, 0)),
});

export const NoBody = z.object({});

export const GrantRequest = z.object({
  agent_id: text(limits.nameLength),
  amount: integer(1, limits.grantCredits),
  reason: optional(text(limits.reasonLength)),
});

export const SuspendRequest = z.object({
  agent_id: text(limits.nameLength),
  suspended: flag(),
  reason: optional(text(limits.reasonLength)),
});

const boardFilter = { tags: queryTags().optional(), search: z.string().optional() };

export const BoardQuery = z.object({ ...boardFilter, ...paging(20) });
export const PickupQuery = z.object(boardFilter);
export const ShowTaskQuery = z.object({ wait: queryInteger(1, limits.waitSeconds).optional() });
export const LedgerQuery = z.object(paging(50));
export const MyTasksQuery = z.object({
  role: z.enum(['poster', 'worker'], { error: 'must be poster or worker' }).optional(),
  status: z.enum(taskStatuses, { error: `must be one of ${taskStatuses.join(', ')}` }).optional(),
  ...paging(20),
});
