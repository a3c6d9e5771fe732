import { type Acceptance, limits, type VerificationMode } from '@pinchwork/sdk/table';
import { type Selectable, sql } from 'kysely';
import { storedTexts } from '../../ground/stored.ts';
import type { Reader } from '../../storage/database.ts';
import { fitted, insertion, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import type { TaskRow } from './queries.ts';

/**
 * The terms that a poster set for a task beyond the usual (contract section 3a). Few tasks have any, so they are in a
 * table of their own, and `tasks.has_terms` says so, which every statement returns. Other tasks cost no statement.
 */
type TermsRow = Selectable<Schema['task_terms']>;
export type Terms = Readonly<Omit<TermsRow, 'task_id' | 'unfit_claim'>>;

/** The terms of a task whose poster set none. */
export const plainTerms: Terms = {
  acceptance: null,
  auto_approve: null,
  for_agents: null,
  grace_minutes: null,
  heartbeat_minutes: null,
  verification: null,
  context_key: null,
};

const columns = [
  'acceptance',
  'auto_approve',
  'for_agents',
  'grace_minutes',
  'heartbeat_minutes',
  'verification',
  'context_key',
] as const satisfies readonly (keyof Terms)[];

export const insertTerms = insertion('task_terms', 'task_id', ...columns);

/** Says that a task has a row of terms. */
export const markTerms = prepared('markTerms', (db, p: { id: string }) =>
  db.updateTable('tasks').set({ has_terms: 1 }).where('id', '=', p.id),
);

/** Whether any term differs from those of a plain task. */
export const hasTerms = (terms: Terms) => columns.some((column) => terms[column] !== plainTerms[column]);

const termsById = prepared('termsById', (db, p: { id: string }) =>
  db.selectFrom('task_terms').select(columns).where('task_id', '=', p.id),
);

/** Sizes of the statements for a list of ids. */
const idCounts = [5, limits.pageSize] as const;

const listedColumns = columns.filter((column) => column !== 'acceptance');

/** In a list, a long acceptance is the empty text, which `acceptanceView` shows as null. */
const shownAcceptance = sql<
  string | null
>`case when length(acceptance) > ${sql.lit(limits.acceptanceShown)} then '' else acceptance end`.as('acceptance');

const termsByIds = perShape((count: number) =>
  prepared(`termsOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('task_terms')
      .select(['task_id', ...listedColumns])
      .select(shownAcceptance)
      .where('task_id', 'in', listed(p, 'id', count)),
  ),
);

/** Replaces the JSON list of the agents that a task is for. */
export const setForAgents = prepared('setForAgents', (db, p: { task_id: string; for_agents: string }) =>
  db.updateTable('task_terms').set({ for_agents: p.for_agents }).where('task_id', '=', p.task_id),
);

type HasTerms = Pick<TaskRow, 'id' | 'has_terms'>;

/** Reads the terms of a task. */
export async function readTerms(reader: Reader, { id, has_terms }: HasTerms): Promise<Terms> {
  return has_terms === 0 ? plainTerms : reader.one(termsById, { id });
}

/** Reads the terms of the tasks of a page. Returns a function that has those of each. */
export async function readTermsOfAll(
  reader: Reader,
  tasks: readonly HasTerms[],
): Promise<(task: { readonly id: string }) => Terms> {
  const ids = tasks.filter(({ has_terms }) => has_terms === 1).map(({ id }) => id);
  if (ids.length === 0) return () => plainTerms;
  const { size, params } = fitted(idCounts, 'id', ids);
  const found = new Map((await reader.all(termsByIds(size), params)).map((row) => [row.task_id, row]));
  return ({ id }) => found.get(id) ?? plainTerms;
}

/** The terms that an agent reads before it picks the task up. Replies have a term only where the poster set it. */
export const openTermsView = ({ acceptance, auto_approve, grace_minutes, heartbeat_minutes }: Terms) => ({
  ...(acceptance === null ? {} : acceptanceView(acceptance)),
  ...(auto_approve === null ? {} : { auto_approve: true as const }),
  ...(grace_minutes === null ? {} : { grace_minutes }),
  ...(heartbeat_minutes === null ? {} : { heartbeat_minutes }),
});

/** Stored by this server, from a checked request. */
const acceptanceView = (acceptance: string) =>
  acceptance === ''
    ? { acceptance: null, truncated: true as const }
    : { acceptance: JSON.parse(acceptance) as Acceptance };

/** All terms, for the parties of the task. */
export const termsView = (terms: Terms) => ({
  ...openTermsView(terms),
  ...(terms.for_agents === null ? {} : { for_agents: storedTexts(terms.for_agents) }),
  ...(terms.verification === null ? {} : { verification_mode: terms.verification }),
});

/** Whether agents may match the task and check its deliveries. */
export const verificationMode = ({ verification }: Terms): VerificationMode => verification ?? 'auto';

/** Notes that a result of the current claim did not fit, if it still is the claim of this agent. */
export const noteUnfit = prepared('noteUnfit', (db, p: { id: string; claim_number: number; actor: string }) =>
  db
    .updateTable('task_terms')
    .set({ unfit_claim: p.claim_number })
    .where('task_id', '=', p.id)
    .where((eb) => eb.or([eb('unfit_claim', 'is', null), eb('unfit_claim', '<', p.claim_number)]))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('tasks')
          .select('tasks.id')
          .where('tasks.id', '=', p.id)
          .where('tasks.worker_id', '=', p.actor)
          .where('tasks.claim_number', '=', p.claim_number),
      ),
    ),
);

/** Whether a result of a claim did not fit. */
export const unfitClaim = prepared('unfitClaim', (db, p: { id: string; claim_number: number }) =>
  db.selectFrom('task_terms').select('task_id').where('task_id', '=', p.id).where('unfit_claim', '=', p.claim_number),
);
