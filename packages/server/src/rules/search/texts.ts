import { present } from '../../ground/present.ts';
import { fitted, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Reader } from '../../storage/database.ts';
import { fold } from './fold.ts';

/** A task to search in. */
export interface TaskRef {
  readonly id: string;
  readonly created_at: number;
  /** The length of need and context together, in bytes. */
  readonly bytes: number;
}

/** A portion has the texts of at most this many tasks and bytes; a single longer task is a portion of its own. */
const portionTasks = 250;
const portionBytes = 65_536;

/** Sizes of the statements that read a portion. A smaller portion repeats its last id. */
const portionShapes = [1, 10, 50, portionTasks] as const;

const textsOf = perShape((count: number) =>
  prepared(`textsOf${count}`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['id', 'need', 'context'])
      .where('id', 'in', listed(p, 'id', count)),
  ),
);

/** Reads need and context of at most `portionTasks` tasks, folded. */
export async function foldedTexts(reader: Reader, ids: readonly string[]): Promise<Map<string, string[]>> {
  if (ids.length === 0) return new Map();
  const { size, params } = fitted(portionShapes, 'id', ids);
  const rows = await reader.all(textsOf(size), params);
  return new Map(
    rows.map(({ id, need, context }) => [id, context === null ? [fold(need)] : [fold(need), fold(context)]]),
  );
}

/** Splits a list into portions whose texts are read at once. */
export function* portions<T extends TaskRef>(rows: readonly T[]): Generator<T[]> {
  let portion: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (portion.length === portionTasks || (portion.length > 0 && bytes + row.bytes > portionBytes)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(row);
    bytes += row.bytes;
  }
  if (portion.length > 0) yield portion;
}

const mostRemembered = 2;

/**
 * A folded text to find on one board at one moment. Remembers its first steps and what it has read, because a page and
 * its count search the same tasks.
 */
export class Needle {
  readonly part: string;
  readonly #known = new Map<string, Promise<boolean>>();
  readonly #steps = new Map<string, Promise<TaskRef[]>>();

  constructor(part: string) {
    this.part = part;
  }

  /** Takes the step with this key, or returns its result if it was taken before. */
  once(key: string, take: () => Promise<TaskRef[]>): Promise<TaskRef[]> {
    const step = this.#steps.get(key) ?? take();
    // Only the first steps are taken twice, by the page and by the count.
    if (this.#steps.size < mostRemembered) this.#steps.set(key, step);
    return step;
  }

  /** The tasks of a portion with the text in need or context. Each task is read once, even by simultaneous calls. */
  async among<T extends TaskRef>(reader: Reader, portion: readonly T[]): Promise<T[]> {
    const unknown = portion.filter(({ id }) => !this.#known.has(id)).map(({ id }) => id);
    const reading = foldedTexts(reader, unknown);
    for (const id of unknown) {
      this.#known.set(
        id,
        reading.then((texts) => texts.get(id)?.some((text) => text.includes(this.part)) ?? false),
      );
    }
    const found = await Promise.all(portion.map(({ id }) => present(this.#known.get(id), `The finding for ${id}`)));
    return portion.filter((_, i) => found[i]);
  }
}
