import type { AuditResponse } from '@pinchwork/sdk/table';
import type { Reader } from '../storage/database.ts';
import type { Params, Prepared } from '../storage/prepared.ts';
import type { Finding } from './check.ts';
import { Portion } from './portion.ts';

/** The largest number of findings in a report. */
export const mostFindings = 100;

/** A query of the audit, with the invariant whose violations it returns. */
interface Question<P extends Params> {
  readonly invariant: string;
  readonly findings: Prepared<P, Finding>;
}

/** An audit under way: what it has read, and what it has found. */
export class Examination {
  readonly reader: Reader;
  readonly portion = new Portion();
  readonly checked: AuditResponse['checked'] = { agents: 0, tasks: 0, transfers: 0, transitions: 0, events: 0 };
  readonly #startedAt = performance.now();
  readonly #broken: AuditResponse['broken'] = [];

  constructor(reader: Reader) {
    this.reader = reader;
  }

  /** One finding more than the report holds is enough to know that there are more. */
  get isFull(): boolean {
    return this.#broken.length > mostFindings;
  }

  note(invariant: string, findings: readonly Finding[]): void {
    for (const finding of findings.slice(0, mostFindings + 1 - this.#broken.length)) {
      this.#broken.push({ invariant, ...finding });
    }
  }

  /** Runs each query in a statement of its own, and notes what it finds. */
  async ask<P extends Params>(questions: readonly Question<P>[], params: P): Promise<void> {
    for (const { invariant, findings } of questions) {
      const begunAt = performance.now();
      this.note(invariant, await this.reader.all(findings, params));
      this.portion.noteStatement(performance.now() - begunAt);
    }
  }

  report(): AuditResponse {
    return {
      ok: this.#broken.length === 0,
      checked: this.checked,
      broken: this.#broken.slice(0, mostFindings),
      broken_capped: this.isFull,
      duration_ms: Math.round(performance.now() - this.#startedAt),
    };
  }
}
