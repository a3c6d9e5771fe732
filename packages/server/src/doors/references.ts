import { createHash } from 'node:crypto';
import { platformId } from '@pinchwork/sdk/table';
import type { Reader } from '../storage/database.ts';
import { prepared } from '../storage/prepared.ts';
import { withoutTexts, withTexts } from '../rules/platform-tasks/render.ts';
import { taskById, type MovedTask } from '../rules/tasks/queries.ts';
import { textFields } from '../rules/texts/columns.ts';

/**
 * Stored replies do not hold the long texts of tasks, which are in the database already (contract section 1,
 * "Idempotency"): a reference with the digest of the text stands in their place, and a repetition reads the text again.
 * So it is with all that a system task quotes, however short: only the agent that holds the task reads it again, and a
 * text that its author has removed is not kept.
 */

/** A text of this many UTF-16 code units is kept as a reference. */
const longText = 1_000;
/** The fields that hold a task's own texts, in replies and in the table of tasks. The others are short. */
const fields = ['need', 'context', 'result'] as const;
type Field = (typeof fields)[number];

/** The member that marks a reference. No field of a reply has this name. */
const mark = '$text';

/** At most this many of a task's latest rejected deliveries are searched for the result of an earlier reply. */
const searched = 10;

const rejectedResults = prepared('rejectedResults', (db, p: { task_id: string; limit: number }) =>
  db
    .selectFrom('rejected_deliveries')
    .select('result')
    .where('task_id', '=', p.task_id)
    .orderBy('version', 'desc')
    .limit(p.limit),
);

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url');

type Part = Readonly<Record<string, unknown>>;

const isPart = (value: unknown): value is Part => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Applies `change` to each object of a reply, from the outside in. Objects that it returns unchanged are not copied. */
function mapParts(value: unknown, change: (part: Part) => Part): unknown {
  if (Array.isArray(value)) return value.map((item) => mapParts(item, change));
  if (!isPart(value)) return value;
  return Object.fromEntries(Object.entries(change(value)).map(([name, field]) => [name, mapParts(field, change)]));
}

/** The JSON of a reply to be stored. */
export function toStored(reply: unknown): string {
  const json = JSON.stringify(reply);
  if (json.length < longText && !json.includes(platformId)) return json;
  return JSON.stringify(mapParts(reply, withReferences));
}

function withReferences(part: Part): Part {
  if (typeof part.task_id !== 'string') return part;
  const isSystem = part.poster_id === platformId;
  const referred = fields.flatMap((field) => {
    const text = part[field];
    return isLong(text) || (isSystem && isQuote(field, text)) ? [[field, referenceTo(text)] as const] : [];
  });
  if (referred.length === 0) return part;
  return { ...part, ...Object.fromEntries(referred) };
}

/** Replies may have cut a text, so the length says how much of it they had. */
const referenceTo = (text: string): Part => ({ [mark]: digestOf(text), length: text.length });

/** Whether a field of a system task has texts of others. Its result is the helper's own. */
const isQuote = (field: Field, value: unknown): value is string =>
  field !== 'result' && typeof value === 'string' && value !== '';

const isLong = (value: unknown): value is string => typeof value === 'string' && value.length >= longText;

interface Reference {
  readonly digest: string;
  readonly length: number;
}

/** The reference that stands in place of a text; undefined for anything else. */
const referredTo = (value: unknown): Reference | undefined =>
  isPart(value) && mark in value ? { digest: String(value[mark]), length: Number(value.length) } : undefined;

/** A stored reply with its texts, as its reader may see them now. A text that was removed stays removed. */
export async function fromStored(reader: Reader, readerId: string, json: string): Promise<unknown> {
  const reply: unknown = JSON.parse(json);
  if (!json.includes(`"${mark}":`)) return reply;
  const ids = new Set<string>();
  mapParts(reply, (part) => {
    if (fields.some((field) => referredTo(part[field]) !== undefined)) ids.add(String(part.task_id));
    return part;
  });
  const texts = new Map<string, Finder>();
  for (const id of ids) texts.set(id, await finderOf(reader, id, readerId));
  return mapParts(reply, (part) => {
    const find = texts.get(String(part.task_id));
    if (find === undefined) return part;
    const found = fields.flatMap((field) => {
      const reference = referredTo(part[field]);
      return reference === undefined ? [] : [[field, find(field, reference)] as const];
    });
    return { ...part, ...Object.fromEntries(found) };
  });
}

/** Finds the text of a task that a reference is to. */
type Finder = (field: Field, reference: Reference) => string | null;

async function finderOf(reader: Reader, taskId: string, readerId: string): Promise<Finder> {
  const task: MovedTask | undefined = await reader.first(taskById, { id: taskId });
  if (task === undefined) return removed;
  if (task.kind !== 'work') {
    // Its texts are made anew, for the agent that holds it alone.
    const shown = task.worker_id === readerId ? await withTexts(reader, task) : withoutTexts(task);
    return (field) => shown[field];
  }
  const earlier = await reader.all(rejectedResults, { task_id: taskId, limit: searched });
  return (field, { digest, length }) => {
    const known = field === 'result' ? [task.result, ...earlier.map(({ result }) => result)] : [task[field]];
    const parts = known.map((text) => text?.slice(0, length));
    return parts.find((text) => text !== undefined && digestOf(text) === digest) ?? removed(field);
  };
}

const removed = (field: Field) => textFields[field] ?? null;
