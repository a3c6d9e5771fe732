import { overloaded } from '../../ground/errors.ts';
import { Part, type Resource, type Terms } from './part.ts';

export interface ShareOptions {
  /** How much there is. */
  readonly most: number;
  /**
   * What happens when the resource is exhausted and the largest holder asks for more. `refuse`: it gets nothing.
   * `replace`: it gives up its oldest part for the new one, or an equal holder gives up an idle one.
   */
  readonly toLargest?: 'refuse' | 'replace';
  /** How many may wait for their turn. */
  readonly mostWaiting?: number;
}

/** Holds what nobody can be blamed for, such as the idle connections of a trusted proxy. It is never cut. */
export const nobody = '';

interface Holder {
  held: number;
  readonly parts: Set<Part>;
}

interface Waiter {
  readonly amount: number;
  readonly resolve: (part: Part) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A resource that holders share: agents by their id, everybody else by the network of their address (contract section
 * 10, "Shares"). While some of it is free, each may take as much as it likes. When it is exhausted, the holder with the
 * largest part yields to those that have less. So a crowd of requests from one holder costs the others nothing.
 *
 * There are two ways to ask. `take` gets a part at once or not at all. `wait` gets one in turn, and the holder that has
 * the least goes first. A resource uses one of the two.
 *
 * Taking and releasing cost two look-ups in a map. Only when the resource is exhausted are all holders looked at.
 */
export class Share implements Resource {
  readonly most: number;
  readonly #replaces: boolean;
  readonly #mostWaiting: number;
  readonly #holders = new Map<string, Holder>();
  /** The waiting requests by holder. The holder that was served last is at the end. */
  readonly #queues = new Map<string, Waiter[]>();
  #used = 0;
  #waiting = 0;
  /** No holder has more than this. */
  #peak = 0;
  #refused = 0;
  #cut = 0;

  constructor({ most, toLargest = 'refuse', mostWaiting = 0 }: ShareOptions) {
    this.most = most;
    this.#replaces = toLargest === 'replace';
    this.#mostWaiting = mostWaiting;
  }

  /** How much is taken. */
  get used(): number {
    return this.#used;
  }

  /** How much the largest holder has. */
  get largest(): number {
    let most = 0;
    for (const [name, { held }] of this.#holders) if (name !== nobody) most = Math.max(most, held);
    return most;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many requests for a part were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** How many parts were taken away. */
  get cut(): number {
    return this.#cut;
  }

  /** How much a holder has. */
  heldBy(holder: string): number {
    return this.#holders.get(holder)?.held ?? 0;
  }

  /**
   * Takes a part at once. If the resource is exhausted, larger holders lose theirs for it.
   *
   * @returns undefined: the resource is exhausted, and nobody who has more can yield.
   */
  take(holder: string, amount: number, terms: Terms = {}): Part | undefined {
    const part = new Part(this, holder, terms);
    return this.add(part, amount) ? part : undefined;
  }

  /**
   * Waits for a part. The holder that has the least is served first; among equals, the one that was served longest ago.
   *
   * @throws DomainError `overloaded` when too many wait already and no holder has more of them waiting.
   */
  wait(holder: string, amount = 1): Promise<Part> {
    if (this.#waiting === 0 && this.#used + amount <= this.most) {
      const part = new Part(this, holder, {});
      this.#change(part, amount);
      return Promise.resolve(part);
    }
    return new Promise((resolve, reject) => {
      if (this.#waiting >= this.#mostWaiting && !this.#dropFor(holder)) {
        this.#refused++;
        reject(overloaded());
        return;
      }
      const queue = this.#queues.get(holder);
      const waiter = { amount, resolve, reject };
      if (queue === undefined) this.#queues.set(holder, [waiter]);
      else queue.push(waiter);
      this.#waiting++;
    });
  }

  /** For `Part` alone, as are `drop` and `pass`. */
  add(part: Part, amount: number): boolean {
    while (this.#used + amount > this.most) {
      if (!this.#takeAwayFor(part, amount)) {
        this.#refused++;
        return false;
      }
    }
    if (part.isReleased) return false;
    this.#change(part, amount);
    return true;
  }

  drop(part: Part, amount: number): void {
    this.#change(part, -amount);
    this.#serve();
  }

  pass(part: Part, to: string): void {
    const { amount } = part;
    this.#change(part, -amount);
    part.holder = to;
    this.#change(part, amount);
  }

  #change(part: Part, amount: number): void {
    const { holder } = part;
    let known = this.#holders.get(holder);
    if (known === undefined) this.#holders.set(holder, (known = { held: 0, parts: new Set() }));
    known.held += amount;
    part.amount += amount;
    this.#used += amount;
    if (part.amount > 0) known.parts.add(part);
    else known.parts.delete(part);
    if (known.parts.size === 0) this.#holders.delete(holder);
    else if (known.held > this.#peak && holder !== nobody) this.#peak = known.held;
  }

  /** Takes a part away from the largest holder that has more than this one would have. @returns whether there is one. */
  #takeAwayFor(part: Part, amount: number): boolean {
    const wanted = part.holder === nobody ? amount : this.heldBy(part.holder) + amount;
    // Without this, each request of a crowd of equal holders would look at all of them.
    if (!this.#replaces && wanted >= this.#peak) return false;
    const victim = this.#victim(part, wanted);
    if (victim === undefined) return false;
    this.#cut++;
    victim.end();
    return true;
  }

  #victim(asking: Part, wanted: number): Part | undefined {
    let peak = 0;
    let largest = 0;
    let victim: Part | undefined;
    for (const [name, { held, parts }] of this.#holders) {
      if (name === nobody) continue;
      peak = Math.max(peak, held);
      const isLarger = held > wanted;
      if (held < largest || !(isLarger || this.#replaces)) continue;
      const first = firstToCut(parts, asking);
      if (first === undefined) continue;
      if (held === largest && victim !== undefined && (victim.isIdle || !first.isIdle)) continue;
      // Of an equal holder only what it does not use.
      if (!isLarger && !first.isIdle && name !== asking.holder) continue;
      largest = held;
      victim = first;
    }
    this.#peak = peak;
    return victim;
  }

  /** Refuses the newest waiting request of the holder with most of them, if it has more than this one would have. */
  #dropFor(holder: string): boolean {
    let longest: Waiter[] = [];
    let from = '';
    for (const [name, queue] of this.#queues) if (queue.length > longest.length) [from, longest] = [name, queue];
    if (longest.length <= (this.#queues.get(holder)?.length ?? 0) + 1) return false;
    this.#refused++;
    longest.pop()?.reject(overloaded());
    if (longest.length === 0) this.#queues.delete(from);
    this.#waiting--;
    return true;
  }

  #serve(): void {
    while (this.#waiting > 0) {
      let next: [string, Waiter[]] | undefined;
      let least = Infinity;
      for (const each of this.#queues) {
        const held = this.heldBy(each[0]);
        if (held < least) [next, least] = [each, held];
      }
      const [holder, queue] = next ?? [nobody, []];
      const [waiter] = queue;
      if (waiter === undefined || this.#used + waiter.amount > this.most) return;
      queue.shift();
      this.#waiting--;
      this.#queues.delete(holder);
      if (queue.length > 0) this.#queues.set(holder, queue);
      const part = new Part(this, holder, {});
      this.#change(part, waiter.amount);
      waiter.resolve(part);
    }
  }
}

/** The part of a holder that is cut first: the oldest idle one, or else the oldest. Never the one that asks. */
function firstToCut(parts: ReadonlySet<Part>, asking: Part): Part | undefined {
  let oldest: Part | undefined;
  for (const part of parts) {
    if (!part.canBeCut || part === asking) continue;
    if (part.isIdle) return part;
    oldest ??= part;
  }
  return oldest;
}
