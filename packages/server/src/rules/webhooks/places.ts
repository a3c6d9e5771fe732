/** Maximum number of endpoints served at once, and of those among them that are known to fail or to be slow. */
const mostAtOnce = 64;
const mostFailingAtOnce = 32;
/**
 * Extra places for endpoints that turned out to be slow while they were served: about as many as do so in ten
 * seconds.
 */
const mostAside = 256;

/** A place in which one endpoint is served. */
export class Place {
  readonly failing: 0 | 1;
  /** Whether the current attempt is slow. */
  isSlow = false;

  constructor(failing: 0 | 1) {
    this.failing = failing;
  }
}

/**
 * Limits the number of endpoints that are served at once. Only an attempt shows that an endpoint hangs. So an
 * endpoint whose attempt is slow moves aside to an extra place, and its place becomes free for others, even if many
 * endpoints hang at once.
 */
export class Places {
  readonly #taken = new Set<Place>();
  /** Slow places among `#taken` that wait for an extra place. */
  readonly #slow = new Set<Place>();
  readonly #aside = new Set<Place>();
  readonly #onRoom: () => void;
  #failing = 0;

  /** @param onRoom called when a place may have become free. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** The number of further endpoints of a kind that may be served now. */
  room(failing: 0 | 1): number {
    const room = mostAtOnce - this.#taken.size;
    return failing === 0 ? room : Math.min(room, mostFailingAtOnce - this.#failing);
  }

  take(failing: 0 | 1): Place {
    const place = new Place(failing);
    this.#taken.add(place);
    this.#failing += failing;
    return place;
  }

  /** Marks the current attempt as slow. An endpoint known to fail stays in its place; others move aside. */
  slow(place: Place): void {
    place.isSlow = true;
    if (place.failing === 1 || !this.#taken.has(place)) return;
    this.#slow.add(place);
    this.#settle();
  }

  /** Frees a place. */
  leave(place: Place): void {
    if (this.#taken.delete(place)) this.#failing -= place.failing;
    this.#slow.delete(place);
    this.#aside.delete(place);
    this.#settle();
  }

  #settle(): void {
    for (const place of this.#slow) {
      if (this.#aside.size >= mostAside) break;
      this.#slow.delete(place);
      this.#taken.delete(place);
      this.#aside.add(place);
    }
    this.#onRoom();
  }
}
