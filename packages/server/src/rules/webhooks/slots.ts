/** Maximum number of receivers served at once, and of those among them that are known to fail or to be slow. */
const mostAtOnce = 64;
const mostFailingAtOnce = 32;
/**
 * Extra slots for receivers that turned out to be slow while they were served: about as many as do so in ten
 * seconds.
 */
const mostAside = 256;

/** A slot in which one receiver is served. */
export class Slot {
  readonly failing: 0 | 1;
  /** Whether the current attempt is slow. */
  isSlow = false;

  constructor(failing: 0 | 1) {
    this.failing = failing;
  }
}

/**
 * Limits the number of receivers that are served at once. Only an attempt shows that a receiver hangs. So an
 * receiver whose attempt is slow moves aside to an extra slot, and its slot becomes free for others, even if many
 * receivers hang at once.
 */
export class Slots {
  readonly #taken = new Set<Slot>();
  /** Slow slots among `#taken` that wait for an extra slot. */
  readonly #slow = new Set<Slot>();
  readonly #aside = new Set<Slot>();
  readonly #onRoom: () => void;
  #failing = 0;

  /** @param onRoom called when a slot may have become free. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** The number of further receivers of a kind that may be served now. */
  room(failing: 0 | 1): number {
    const room = mostAtOnce - this.#taken.size;
    return failing === 0 ? room : Math.min(room, mostFailingAtOnce - this.#failing);
  }

  take(failing: 0 | 1): Slot {
    const slot = new Slot(failing);
    this.#taken.add(slot);
    this.#failing += failing;
    return slot;
  }

  /** Marks the current attempt as slow. A receiver known to fail stays in its slot; others move aside. */
  slow(slot: Slot): void {
    slot.isSlow = true;
    if (slot.failing === 1 || !this.#taken.has(slot)) return;
    this.#slow.add(slot);
    this.#settle();
  }

  /** Frees a slot. */
  leave(slot: Slot): void {
    if (this.#taken.delete(slot)) this.#failing -= slot.failing;
    this.#slow.delete(slot);
    this.#aside.delete(slot);
    this.#settle();
  }

  #settle(): void {
    for (const slot of this.#slow) {
      if (this.#aside.size >= mostAside) break;
      this.#slow.delete(slot);
      this.#taken.delete(slot);
      this.#aside.add(slot);
    }
    this.#onRoom();
  }
}
