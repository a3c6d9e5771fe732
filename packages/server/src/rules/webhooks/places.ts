/** Endpoints that a server serves at once, and how many of them may be known to fail or to be slow. */
const mostAtOnce = 64;
const mostFailingAtOnce = 32;
/** Beside these: endpoints that were taken for sound, until they took long to answer. As many as do in ten seconds. */
const mostAside = 256;

/** Where an endpoint is served. */
export class Place {
  readonly failing: 0 | 1;
  /** Whether its attempt takes long. */
  isSlow = false;

  constructor(failing: 0 | 1) {
    this.failing = failing;
  }
}

/**
 * Who finds room to be served. That an endpoint hangs is learned only by an attempt, so one that takes long steps aside
 * and goes on there: however many begin to hang at once, others have their places soon.
 */
export class Places {
  readonly #taken = new Set<Place>();
  /** Those among them that would step aside if there were room. */
  readonly #slow = new Set<Place>();
  readonly #aside = new Set<Place>();
  readonly #onRoom: () => void;
  #failing = 0;

  /** @param onRoom hears when there may be more room. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** How many more endpoints of a kind may be served. */
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

  /** Notes that the attempt takes long. Who was known for that keeps to the places there are for it. */
  slow(place: Place): void {
    place.isSlow = true;
    if (place.failing === 1 || !this.#taken.has(place)) return;
    this.#slow.add(place);
    this.#settle();
  }

  /** Gives a place up. */
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
