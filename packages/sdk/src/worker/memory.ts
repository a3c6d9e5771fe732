import type { TaskPickupResponse } from '../replies/index.ts';
import type { RememberedClaim, RememberedPickup, WorkerOptions, WorkMemory } from './options.ts';

/** Tasks that are remembered. Of more, the oldest are not looked at again. */
const mostRemembered = 10_000;

/** What a worker must know of its tasks to go on with them, also after a crash where `remember` keeps it. */
export class Notebook {
  /** Tasks in hand, and those that were not given back because the server was out of reach. */
  readonly #claims: Map<string, RememberedClaim>;
  /** Deliveries that wait for a review or a ruling. */
  readonly #awaited: Map<string, RememberedClaim>;
  #pickup: RememberedPickup | null;
  #approved: number;
  #credits: number;
  readonly #remember: WorkerOptions['remember'];
  #last: Promise<void> = Promise.resolve();
  /** A save that has not begun yet. */
  #waiting: Promise<void> | undefined;

  constructor({ memory, remember }: WorkerOptions) {
    this.#remember = remember;
    this.#claims = new Map(Object.entries(memory?.claims ?? {}));
    this.#awaited = new Map(Object.entries(memory?.awaited ?? {}));
    this.#pickup = memory?.pickup ?? null;
    this.#approved = memory?.approved ?? 0;
    this.#credits = memory?.credits ?? 0;
  }

  get pickup(): RememberedPickup | null {
    return this.#pickup;
  }

  find(taskId: string): RememberedClaim | undefined {
    return this.#claims.get(taskId) ?? this.#awaited.get(taskId);
  }

  isAwaited(taskId: string): boolean {
    return this.#awaited.has(taskId);
  }

  get awaited(): string[] {
    return [...this.#awaited.keys()];
  }

  get claimed(): string[] {
    return [...this.#claims.keys()];
  }

  /** Notes a pickup before it is requested. */
  async ask(pickup: RememberedPickup): Promise<void> {
    this.#pickup = pickup;
    await this.save();
  }

  /** Notes the answer to the pickup: in one step, so that the task is always known. */
  answered(task: TaskPickupResponse | null): void {
    this.#pickup = null;
    if (task !== null) this.hold(task.task_id, { claim_number: task.claim_number, done: 0 });
  }

  hold(taskId: string, claim: RememberedClaim): void {
    this.#awaited.delete(taskId);
    this.#claims.set(taskId, claim);
    trim(this.#claims);
  }

  await(taskId: string, claim: RememberedClaim): void {
    this.#claims.delete(taskId);
    this.#awaited.set(taskId, claim);
    trim(this.#awaited);
  }

  forget(taskId: string): void {
    this.#claims.delete(taskId);
    this.#awaited.delete(taskId);
  }

  approve(taskId: string, credits: number): void {
    this.forget(taskId);
    this.#approved++;
    this.#credits += credits;
  }

  /** @returns when all that was noted before the call is kept */
  save(): Promise<void> {
    if (this.#remember === undefined) return this.#last;
    if (this.#waiting !== undefined) return this.#waiting;
    const saving = this.#last.then(async () => {
      this.#waiting = undefined;
      await this.#remember?.(this.#memory());
    });
    this.#waiting = saving;
    this.#last = saving.catch(() => undefined);
    return saving;
  }

  #memory(): WorkMemory {
    return {
      pickup: this.#pickup,
      claims: Object.fromEntries(this.#claims),
      awaited: Object.fromEntries(this.#awaited),
      approved: this.#approved,
      credits: this.#credits,
    };
  }
}

function trim(claims: Map<string, RememberedClaim>): void {
  for (const id of claims.keys()) {
    if (claims.size <= mostRemembered) return;
    claims.delete(id);
  }
}
