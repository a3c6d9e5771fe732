/** What decides who comes first: the smaller number, then the smaller tie-breaker, which is unique. */
interface Sortable {
  readonly first: number;
  readonly then: number;
}

/** Whether `a` comes before `b`. */
export const isBefore = (a: Sortable, b: Sortable) => a.first < b.first || (a.first === b.first && a.then < b.then);

/** A list in order. An item must not change its sort key while it is in the list. */
export class Sorted<T extends Sortable> {
  readonly #items: T[] = [];

  /** The items in order. The list must not be changed meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }

  add(item: T): void {
    this.#items.splice(this.#placeOf(item), 0, item);
  }

  /** Removes the item, if it is in the list. */
  remove(item: T): void {
    const place = this.#placeOf(item);
    if (this.#items[place] === item) this.#items.splice(place, 1);
  }

  /** The number of items before this one. */
  #placeOf(item: T): number {
    let from = 0;
    let to = this.#items.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = this.#items[middle];
      if (other !== undefined && isBefore(other, item)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
