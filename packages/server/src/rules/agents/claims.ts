import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Config } from '../../ground/config.ts';
import { DomainError, Outrun } from '../../ground/errors.ts';
import { workingStates } from '../../ground/states.ts';
import { type Params, preparedSql } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';

/**
 * How many claims an agent may hold at once (contract section 3): at most ten until its first approved work, then
 * `MAX_OPEN_CLAIMS`. System tasks count apart.
 */
const mostOfNewcomer = 10;
export const mostSystemTasks = 10;

/**
 * On PostgreSQL, simultaneous pickups of one agent do not see each other's claims. An agent that has fewer claims left
 * than this waits for its other pickups, by a lock, and counts again. Two servers with 16 connections
 * each run at most this many at one moment. With a third server, an agent that uses all its connections for pickups can get
 * 16 claims too many.
 */
const margin = 32;

export interface ClaimLimits extends Params {
  /** 1 if claims are limited. */
  is_limited: number;
  newcomer_claims: number;
  most_claims: number;
}

export const claimLimits = ({ maxOpenClaims: most }: Pick<Config, 'maxOpenClaims'>): ClaimLimits => ({
  is_limited: most === undefined ? 0 : 1,
  newcomer_claims: Math.min(mostOfNewcomer, most ?? mostOfNewcomer),
  most_claims: most ?? 0,
});

export interface PickupStanding {
  readonly suspended_at: number | null;
  readonly pickups_paused_until: number | null;
  readonly accepts_system_tasks: number;
  readonly is_named_helper: number;
  readonly judges_disputes: number;
  /** When it last gave a claim up, or lost one (`given-up.ts`). */
  readonly gave_up_at: number | null;
  readonly claims_left: number;
}

type Kinds = 'work' | 'system';

const isOf = { work: sql`c.kind = 'work'`, system: sql`c.kind <> 'work'` };

/** The number of claims that an agent holds, disputed ones too, of tasks that are not delivered: at most `limit` of each state. */
const held = (agent: RawBuilder<unknown>, kinds: Kinds, limit: unknown) =>
  // State by state: for a list of states, SQLite builds a temporary table.
  sql<number>`(${sql.join(
    workingStates.map(
      (status) => sql`(select count(*) from (select 1 from tasks c
        where c.worker_id = ${agent} and ${statusIn('c.status', [status])} and ${isOf[kinds]} limit ${limit}) as held)`,
    ),
    sql` + `,
  )})`;

/** How many more tasks an agent `w` may claim. */
const left = (
  agent: RawBuilder<unknown>,
  p: ClaimLimits,
) => sql<number>`(case when cast(${p.is_limited} as bigint) = 0 then ${sql.lit(margin)}
  else case when w.deliveries_approved > 0 then cast(${p.most_claims} as bigint) else cast(${p.newcomer_claims} as bigint) end
    - ${held(agent, 'work', sql`cast(${p.most_claims} as bigint) + cast(${p.newcomer_claims} as bigint)`)} end)`;

/** An agent that wants to pick up: suspension, cooldown, whether it is an infra agent, and how many claims it has left. */
export const pickupStanding = preparedSql<{ id: string } & ClaimLimits, PickupStanding>(
  'pickupStanding',
  (
    p,
  ) => sql`select w.suspended_at, w.pickups_paused_until, w.accepts_system_tasks, w.is_named_helper, w.judges_disputes,
    w.gave_up_at,
    ${left(sql`w.id`, p)} as claims_left from agents w where w.id = ${p.id}`,
);

/** The column of the claim's statement with how many more claims the agent has; with or without this one. */
export const claimsLeftOf = (actor: string, p: ClaimLimits) =>
  sql<number>`(select ${left(sql`w.id`, p)} from agents w where w.id = ${actor})`.as('claims_left');

/** How many more tasks an agent may claim, in a statement of its own. */
export const claimsLeft = preparedSql<{ id: string } & ClaimLimits, { claims: number }>(
  'claimsLeft',
  (p) => sql`select ${left(sql`w.id`, p)} as claims from agents w where w.id = ${p.id}`,
);

/** Whether an agent may claim one more task; for the guard of the claim. */
export const mayClaimMore = (actor: string, p: ClaimLimits) =>
  sql<SqlBool>`(select ${left(sql`w.id`, p)} from agents w where w.id = ${actor}) > 0`;

/** Whether an agent may claim one more system task; for the guard of the claim. */
export const mayClaimMoreSystemTasks = (actor: string) =>
  sql<SqlBool>`${held(sql`${actor}`, 'system', sql.lit(mostSystemTasks))} < ${sql.lit(mostSystemTasks)}`;

/** How many system tasks an agent holds; at most one more than it may. */
export const systemClaims = preparedSql<{ id: string }, { claims: number }>(
  'systemClaims',
  (p) =>
    sql`select ${held(sql`a.id`, 'system', sql.lit(mostSystemTasks + 1))} as claims from agents a where a.id = ${p.id}`,
);

/** Whether an agent with this number of claims left must be counted again, under a lock, after it has claimed. */
export const mustBeCounted = (claims: number): boolean => claims < margin;

const hint =
  'Deliver one of them, or give one back with POST /v1/tasks/{id}/abandon; GET /v1/tasks/mine?role=worker lists them.';

/** How many claims an agent may hold, in words. */
export const claimsInWords = (most: number): string =>
  most <= mostOfNewcomer ? `${most}` : `${mostOfNewcomer} until your first approved work, then ${most}`;

const tooMany = ({ maxOpenClaims }: Pick<Config, 'maxOpenClaims'>) =>
  `You hold as many claims as you may: ${claimsInWords(maxOpenClaims ?? Number.MAX_SAFE_INTEGER)}`;

export const tooManyClaims = (config: Pick<Config, 'maxOpenClaims'>): DomainError =>
  new DomainError('too_many_claims', tooMany(config), hint);

const tooManySystem = `You hold ${mostSystemTasks} system tasks, and more are not given out`;

export const tooManySystemTasks = (): DomainError => new DomainError('too_many_claims', tooManySystem, hint);

/** The refusal of a claim of a system task that other claims of the agent have outrun. */
export const outrunBySystemTasks = (): Outrun => new Outrun('too_many_claims', tooManySystem, hint);

/** The refusal of a claim that other claims of the agent have outrun. */
export const outrunByClaims = (config: Pick<Config, 'maxOpenClaims'>): Outrun =>
  new Outrun('too_many_claims', tooMany(config), hint);
