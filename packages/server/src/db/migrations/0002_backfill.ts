import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

/**
 * What 0002 keeps by writing, worked out once from the history of a database that was made before it: counts and
 * earnings in SQL, tags and trust by going through the reviews in the order in which they were made.
 *
 * The rules stand here as they were at this step, and are not shared with the program, whose own may change.
 */
export async function backfill(db: Kysely<Schema>): Promise<void> {
  await fold(db);
  await sumUp(db);
  const reviews = await readReviews(db);
  await insertTags(db, reviews);
  await insertTrust(db, reviews);
}

async function fold(db: Kysely<Schema>): Promise<void> {
  const agents = await db.selectFrom('agents').select(['id', 'name', 'good_at']).execute();
  for (const { id, name, good_at } of agents) {
    const folded = `${name}\n${good_at ?? ''}`.toLowerCase();
    await db.updateTable('agents').set({ folded }).where('id', '=', id).execute();
  }
}

const fee = sql`credits_charged * fee_ppm / 1000000`;

async function sumUp(db: Kysely<Schema>): Promise<void> {
  const ofWork = (value: ReturnType<typeof sql>) =>
    sql`(select coalesce(sum(${value}), 0) from tasks where worker_id = agents.id and status = 'approved')`;
  await sql`update agents set
    earned = ${ofWork(sql`credits_charged - ${fee}`)},
    fees_paid = ${ofWork(fee)},
    deliveries_approved = tasks_completed,
    deliveries_rejected = (select count(*) from rejected_deliveries where worker_id = agents.id),
    spent = (select coalesce(sum(credits_charged), 0) from tasks where poster_id = agents.id and status = 'approved')
  `.execute(db);
  await sql`insert into earnings (agent_id, at, total)
    select worker_id, at, sum(net) over (partition by worker_id order by at, id) from (
      select t.id, t.worker_id, h.at, t.credits_charged - ${fee} as net
      from tasks t join task_transitions h on h.task_id = t.id and h.to_status = 'approved'
    ) as paid
    where net > 0`.execute(db);
}

interface Review {
  readonly approved: number;
  readonly poster: string;
  readonly worker: string;
  readonly tags: string;
  readonly earned: number;
  readonly rating: number | null;
  readonly at: number;
}

/** As it is read: PostgreSQL answers whole numbers beyond 32 bits as text. */
type ReviewRow = Omit<Review, 'approved' | 'earned' | 'rating' | 'at'> &
  Record<'approved' | 'earned' | 'at', number | string> & { readonly rating: number | string | null };

/** Every approval and rejection, oldest first. */
async function readReviews(db: Kysely<Schema>): Promise<readonly Review[]> {
  const { rows } = await sql<ReviewRow>`
    select case h.to_status when 'approved' then 1 else 0 end as approved, t.poster_id as poster, h.worker_id as worker,
      t.tags, coalesce(t.credits_charged - ${fee}, 0) as earned, r.rating, h.at
    from task_transitions h
    join tasks t on t.id = h.task_id
    left join reviews r on r.task_id = t.id and r.reviewer_id = t.poster_id
    where h.from_status = 'delivered'
    order by h.at, h.task_id, h.version`.execute(db);
  return rows.map((row) => ({
    ...row,
    approved: Number(row.approved),
    earned: Number(row.earned),
    rating: row.rating === null ? null : Number(row.rating),
    at: Number(row.at),
  }));
}

async function insertTags(db: Kysely<Schema>, reviews: readonly Review[]): Promise<void> {
  const known = new Map<string, Required<InsertableTag>>();
  for (const { approved, worker, tags, earned, rating } of reviews) {
    if (approved === 0) continue;
    for (const name of JSON.parse(tags) as string[]) {
      const tag = name.toLowerCase();
      const key = `${worker} ${tag}`;
      const row = known.get(key) ?? { ...none, agent_id: worker, tag, name };
      known.set(key, row);
      row.tasks_completed++;
      row.earned += earned;
      row.rating_sum += rating ?? 0;
      row.rating_count += rating === null ? 0 : 1;
    }
  }
  for (const row of known.values()) await db.insertInto('agent_tags').values(row).execute();
}

interface InsertableTag {
  agent_id: string;
  tag: string;
  name: string;
  tasks_completed: number;
  earned: number;
  rating_sum: number;
  rating_count: number;
}

const none = { tasks_completed: 0, earned: 0, rating_sum: 0, rating_count: 0 };

async function insertTrust(db: Kysely<Schema>, reviews: readonly Review[]): Promise<void> {
  const known = new Map<
    string,
    { truster_id: string; trusted_id: string; score: number; interactions: number; updated_at: number }
  >();
  const change = (truster_id: string, trusted_id: string, at: number, next: (score: number) => number) => {
    const key = `${truster_id} ${trusted_id}`;
    const row = known.get(key) ?? { truster_id, trusted_id, score: 0.5, interactions: 0, updated_at: at };
    known.set(key, { ...row, score: next(row.score), interactions: row.interactions + 1, updated_at: at });
  };
  const up = (score: number) => score + (1 - score) * 0.1;
  for (const { approved, poster, worker, at } of reviews) {
    if (approved === 0) change(poster, worker, at, (score) => score * 0.9);
    else {
      change(poster, worker, at, up);
      change(worker, poster, at, up);
    }
  }
  for (const row of known.values()) await db.insertInto('trust').values(row).execute();
}
