import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { hourMs } from '../../ground/clock.ts';
import type { Config } from '../../ground/config.ts';
import { type Params, perShape, prepared, preparedSql } from '../../storage/prepared.ts';

/**
 * Who does the platform's system tasks, and how much of them one agent may have (contract section 6). With
 * `INFRA_AGENTS=open` anybody may be an infra agent, also somebody with many accounts. So of the credits of an hour one
 * infra agent gets at most a quarter, one poster's tasks, or one agent's profile, cause at most a tenth, and one infra
 * agent and one poster meet at most ten times a day. A share that is smaller than a price still allows one task.
 */
const helperShare = 1 / 4;
const causeShare = 1 / 10;
const mostMeetings = 10;
const dayMs = 24 * hourMs;
const unlimited = Number.MAX_SAFE_INTEGER;

type Settings = Pick<Config, 'systemTasks'>;

/** The value of `agents.is_named_helper` that an infra agent must have at least; more than any has if there is none. */
export const leastNamed = ({ systemTasks }: Settings): number =>
  ({ open: 0, granted: 1, off: 2 })[systemTasks.infraAgents];

/** Whether an agent is an infra agent. */
export const isHelper = (
  agent: { readonly accepts_system_tasks: number; readonly is_named_helper: number },
  config: Settings,
): boolean => agent.accepts_system_tasks === 1 && agent.is_named_helper >= leastNamed(config);

/** Whether a row of `agents` is an infra agent, in SQL: the same as `isHelper`, for `leastNamed` of the settings. */
export const isHelperRow = (table: 'agents' | 'helper', least: number) =>
  sql<SqlBool>`${sql.ref(`${table}.accepts_system_tasks`)} = 1 and ${sql.ref(`${table}.is_named_helper`)} >= ${least}`;

/** Whether it is one that is active: not suspended. */
export const isActiveHelper = (table: 'agents' | 'helper', least: number) =>
  sql<SqlBool>`${isHelperRow(table, least)} and ${sql.ref(`${table}.suspended_at`)} is null`;

const shareOf = ({ systemTasks: { infraAgents, creditsPerHour } }: Settings, part: number): number =>
  infraAgents === 'open' && creditsPerHour !== undefined ? Math.floor(creditsPerHour * part) : unlimited;

/** The credits of an hour that one poster's tasks, or one agent's profile, may cause. */
export const shareOfCause = (config: Settings): number => shareOf(config, causeShare);

/** The credits of an hour that the disputes about one poster's tasks may cause, whoever the infra agents are. */
export const shareOfDisputes = ({ systemTasks: { creditsPerHour } }: Settings): number =>
  creditsPerHour === undefined ? unlimited : Math.floor(creditsPerHour * causeShare);

export interface HelpParams extends Params {
  least_named: number;
  day_since: number;
  hour_since: number;
  helper_share: number;
  most_meetings: number;
}

/** The parameters of `hasRoom`, and of the statements that ask for infra agents. */
export const helpParams = (config: Settings, now: number): HelpParams => ({
  least_named: leastNamed(config),
  day_since: now - dayMs,
  hour_since: now - hourMs,
  helper_share: shareOf(config, helperShare),
  most_meetings: config.systemTasks.infraAgents === 'open' ? mostMeetings : unlimited,
});

type ShareParams = Pick<HelpParams, 'day_since' | 'hour_since' | 'helper_share' | 'most_meetings'>;

interface Meeting {
  readonly helper: RawBuilder<unknown>;
  /** The agent that caused the system task, and the task's price. */
  readonly cause: RawBuilder<unknown>;
  readonly price: RawBuilder<unknown>;
}

/** Whether an infra agent may have one more system task of a cause at a price. */
export const hasRoom = ({ helper, cause, price }: Meeting, p: ShareParams) => sql<SqlBool>`(
  (select count(*) from (select 1 from system_tasks_posted m where m.helper_id = ${helper} and m.poster_id = ${cause}
    and m.claimed_at > ${p.day_since} limit ${p.most_meetings}) as met) < ${p.most_meetings}
  and coalesce((select sum(e.credits) from system_tasks_posted e
    where e.helper_id = ${helper} and e.claimed_at > ${p.hour_since}) + ${price}, 0) <= ${p.helper_share})`;

/** Whether the infra agent is within its shares, after it has claimed a system task. */
export const isWithinShares = preparedSql<{ id: string; helper: string } & HelpParams, { within: number | boolean }>(
  'isWithinShares',
  (p) => sql`select (select count(*) from system_tasks_posted m where m.helper_id = ${p.helper}
      and m.poster_id = s.poster_id and m.claimed_at > ${p.day_since}) <= ${p.most_meetings}
    and (select case when count(*) <= 1 then 0 else sum(e.credits) end from system_tasks_posted e
      where e.helper_id = ${p.helper} and e.claimed_at > ${p.hour_since}) <= ${p.helper_share} as within
    from system_tasks_posted s where s.task_id = ${p.id}`,
  { bounded: 'what one infra agent claimed in a day, of a poster, and in an hour' },
);

/** Whether an infra agent may claim this system task, as far as its shares go. No row if nothing is counted. */
export const hasShareLeft = preparedSql<{ id: string; helper: string } & HelpParams, { room: number | boolean }>(
  'hasShareLeft',
  (p) => sql`select ${hasRoom({ helper: sql`${p.helper}`, cause: sql`s.poster_id`, price: sql`s.credits` }, p)} as room
    from system_tasks_posted s where s.task_id = ${p.id}`,
);

/** An active infra agent that could do a system task of this cause now. `other` may not do it either. */
export const freeHelper = prepared(
  'freeHelper',
  (db, p: { cause: string; other: string; price: number } & HelpParams) =>
    db
      .selectFrom('agents')
      .select('id')
      .where(isActiveHelper('agents', p.least_named))
      .where('id', '<>', p.cause)
      .where('id', '<>', p.other)
      .where(
        hasRoom({ helper: sql.ref('agents.id'), cause: sql`${p.cause}`, price: sql`cast(${p.price} as bigint)` }, p),
      )
      .limit(1),
  {
    bounded:
      'a poster meets few agents ten times a day, and four use up the credits of an hour: one of the next is free',
  },
);

/** Notes who has claimed a system task. Its row is locked with the task. */
export const noteHelper = prepared('noteHelper', (db, p: { id: string; helper: string; at: number }) =>
  db.updateTable('system_tasks_posted').set({ helper_id: p.helper, claimed_at: p.at }).where('task_id', '=', p.id),
);

/** The credits that the system tasks of a cause have cost since a time: judges', or all others. */
export const causedSince = perShape((kinds: 'judge' | 'other') =>
  prepared(`causedSince ${kinds}`, (db, p: { cause: string; since: number }) =>
    db
      .selectFrom('system_tasks_posted')
      .select(sql<number>`coalesce(sum(credits), 0)`.as('credits'))
      .where('poster_id', '=', p.cause)
      .where('posted_at', '>', p.since)
      .where('kind', kinds === 'judge' ? '=' : '<>', sql.lit('judge')),
  ),
);
