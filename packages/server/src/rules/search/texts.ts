import { fitted, listed, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Reader } from '../../storage/database.ts';
import { fold } from './fold.ts';

/** Looking a text up in those of tasks: need and context. */

/** A task whose texts can be looked through. */
export interface TaskRef {
  readonly id: string;
  readonly created_at: number;
  /** How long need and context are. */
  readonly bytes: number;
}

/** As many texts are read at once: of so many tasks, and of so many bytes together if it is more than one task. */
const portionTasks = 250;
const portionBytes = 65_536;

/** The few statements for the texts of a portion: one that is smaller repeats its last id. */
const portionShapes = [1, 10, 50, portionTasks] as const;

const textsOf = perShape((count: number) =>
  prepared(`textsOf${count}`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['id', 'need', 'context'])
      .where('id', 'in', listed(p, 'id', count)),
  ),
);

/** Need and context of so many tasks, folded. */
export async function foldedTexts(reader: Reader, ids: readonly string[]): Promise<Map<string, string[]>> {
  if (ids.length === 0) return new Map();
  const { size, params } = fitted(portionShapes, 'id', ids);
  const rows = await reader.all(textsOf(size), params);
  return new Map(
    rows.map(({ id, need, context }) => [id, context === null ? [fold(need)] : [fold(need), fold(context)]]),
  );
}

/** Cuts a list into portions whose texts can be read at once. */
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
 * A text that is looked for, folded, on one board at one moment. Remembers where it has looked: a page and its count look
 * at the same tasks.
 */
export class Needle {
  readonly part: string;
  readonly #known = new Map<string, Promise<boolean>>();
  readonly #steps = new Map<string, Promise<TaskRef[]>>();

  constructor(part: string) {
    this.part = part;
  }

  /** Takes a step from a place, unless it has been taken. */
  once(key: string, take: () => Promise<TaskRef[]>): Promise<TaskRef[]> {
    const step = this.#steps.get(key) ?? take();
    // Those at the beginning are taken twice, and no others.
    if (this.#steps.size < mostRemembered) this.#steps.set(key, step);
    return step;
  }

  /** Those of a portion whose need or context contains it. Each text is read once, also by two who look at a time. */
  async among<T extends TaskRef>(reader: Reader, portion: readonly T[]): Promise<T[]> {
    const unknown = portion.filter(({ id }) => !this.#known.has(id)).map(({ id }) => id);
    const reading = foldedTexts(reader, unknown);
    for (const id of unknown) {
      this.#known.set(
        id,
        reading.then((texts) => texts.get(id)?.some((text) => text.includes(this.part)) ?? false),
      );
    }
    const found = await Promise.all(portion.map(({ id }) => this.#known.get(id)!));
    return portion.filter((_, i) => found[i]);
  }
}
