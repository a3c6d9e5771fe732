/** What the owner of a part offers when somebody who holds less needs it. */
export interface Terms {
  /** Ends the use of the part at once, and releases it. Undefined: the part can't be taken away. */
  readonly cut?: () => void;
  /** Whether nothing is lost by a cut now. Such parts of a holder are cut before its others. */
  readonly isIdle?: () => boolean;
}

/** What a part is taken from. */
export interface Resource {
  /** Enlarges a part. @returns false: refused, and nothing has changed. */
  add(part: Part, amount: number): boolean;
  /** Makes a part smaller. */
  drop(part: Part, amount: number): void;
  /** Gives a part to another holder, whether or not that makes it the largest. */
  pass(part: Part, to: string): void;
}

/** What a holder has taken of a resource. */
export class Part {
  holder: string;
  /** Zero before it is taken and after it is released. */
  amount = 0;
  #terms: Terms;
  #isReleased = false;
  readonly #resource: Resource;

  /** Use `take` or `wait` of a `Share`. */
  constructor(resource: Resource, holder: string, terms: Terms) {
    this.#resource = resource;
    this.holder = holder;
    this.#terms = terms;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  get canBeCut(): boolean {
    return this.#terms.cut !== undefined;
  }

  get isIdle(): boolean {
    return this.#terms.isIdle?.() === true;
  }

  /** Takes more. @returns false: refused, or it was cut; then it is what it was before. */
  grow(amount: number): boolean {
    return !this.#isReleased && this.#resource.add(this, amount);
  }

  /** Gives some of it back. */
  shrink(amount: number): void {
    if (!this.#isReleased) this.#resource.drop(this, Math.min(amount, this.amount));
  }

  /** From now on it can't be taken away, for example because the work that uses it has begun. */
  keep(): void {
    this.#terms = {};
  }

  /** Counts it for another holder, for example when the agent behind a connection becomes known. */
  passTo(holder: string): void {
    if (holder !== this.holder && !this.#isReleased) this.#resource.pass(this, holder);
  }

  /** Gives it back. May be called more than once. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#resource.drop(this, this.amount);
  }

  /** Takes it away from its holder. */
  end(): void {
    this.#terms.cut?.();
    this.release();
  }
}
