import { sql } from 'kysely';
import { transitions } from '../../ground/machine.ts';
import { insertion, prepared } from '../../storage/prepared.ts';
import { hasHelper } from './guards.ts';
import { recordedColumns } from './queries.ts';

/** Whether any agent has said what it can do, so that the matcher can find somebody. */
const hasWords = sql<number | boolean>`(exists (select 1 from agent_words)
  or exists (select 1 from agent_tags where is_capability = 1))`.as('has_words');

export const insertTask = prepared(
  'insertTask',
  (
    db,
    p: {
      id: string;
      poster_id: string;
      need: string;
      context: string | null;
      tags: string;
      has_terms: number;
      max_credits: number;
      fee_ppm: number;
      created_at: number;
      expires_at: number;
      deadline_at: number | null;
      review_timeout_minutes: number | null;
      claim_timeout_minutes: number | null;
      least_named: number;
    },
  ) =>
    db
      .insertInto('tasks')
      .values({
        id: p.id,
        poster_id: p.poster_id,
        need: p.need,
        context: p.context,
        tags: p.tags,
        has_terms: p.has_terms,
        max_credits: p.max_credits,
        fee_ppm: p.fee_ppm,
        status: transitions.post.to,
        version: 1,
        created_at: p.created_at,
        expires_at: p.expires_at,
        deadline_at: p.deadline_at,
        review_timeout_minutes: p.review_timeout_minutes,
        claim_timeout_minutes: p.claim_timeout_minutes,
      })
      .returning(recordedColumns)
      .returning([hasHelper(p.least_named), hasWords]),
  { key: 'id' },
);

export const insertTransition = insertion(
  'task_transitions',
  'task_id',
  'version',
  'transition',
  'from_status',
  'to_status',
  'actor_id',
  'worker_id',
  'claim_number',
  'at',
  'poster_event',
  'worker_event',
);

export const insertRejectedDelivery = insertion(
  'rejected_deliveries',
  'task_id',
  'version',
  'claim_number',
  'worker_id',
  'result',
  'credits_charged',
  'delivered_at',
  'rejected_at',
  'reason',
  'feedback',
);
