import { createHash } from 'node:crypto';
import type { AuditResponse } from '@pinchwork/sdk/table';
import { hourMs, minuteMs, secondMs } from '../ground/clock.ts';
import { Loop } from '../ground/loop.ts';
import { tellOperator } from '../rules/webhooks/operator.ts';
import { backoffMs } from '../rules/webhooks/schedule.ts';
import type { Ground } from '../storage/ground.ts';
import { prepared } from '../storage/prepared.ts';
import type { Job } from './job.ts';

const auditEveryMs = 15 * minuteMs;
const lookEveryMs = 10 * secondMs;
/** How many looks in a row must find the storage failing before the operator is told. A failover takes seconds. */
const failingLooks = 3;
/** If it goes on failing, the operator is told again after this time. */
const repeatMs = 24 * hourMs;
/** At most this many findings are sent; the audit shows all. */
const mostFindings = 5;

const toldKey = 'operator_told_of_audit';

const holdTold = prepared('holdToldOfAudit', (db, p: { key: string }, engine) =>
  engine.hold(db.selectFrom('meta').select(['key', 'value']).where('key', '=', p.key)),
);

/** A row that is not there yet can't be held, and two servers would both tell the operator. */
const ensureTold = prepared('ensureToldOfAudit', (db, p: { key: string }) =>
  db
    .insertInto('meta')
    .values({ key: p.key, value: '' })
    .onConflict((conflict) => conflict.column('key').doNothing()),
);

const noteTold = prepared('noteToldOfAudit', (db, p: { key: string; value: string }) =>
  db.updateTable('meta').set({ value: p.value }).where('key', '=', p.key),
);

interface Services {
  /** Runs the audit, which tells the operator what it finds. */
  readonly audit: () => Promise<AuditResponse>;
  /** Says why the storage does not accept writes. */
  readonly readiness: { reason(): Promise<string | undefined> };
  /** Sends to the operator without the storage. */
  readonly webhooks: { tellAtOnce(event: 'storage_failing', data: { reason: string }): Promise<boolean> };
}

/**
 * Looks for what the operator must hear of, where there is an operator's webhook: runs the audit, unless the metrics
 * run it, and looks whether the storage accepts writes.
 */
export class OperatorWatch implements Job {
  readonly #ctx: Ground;
  readonly #services: Services;
  readonly #auditing: Loop;
  readonly #looking: Loop;
  #failedLooks = 0;
  #tries = 0;
  #nextAt = 0;
  #isStopped = false;

  constructor(ctx: Ground, services: Services) {
    this.#ctx = ctx;
    this.#services = services;
    this.#auditing = new Loop(
      ctx.clock,
      async () => {
        await services.audit();
        return auditEveryMs;
      },
      // An audit that ends because the program stops is not an error.
      (error) => !this.#isStopped && ctx.log.error(error, 'the audit for the operator failed'),
      minuteMs,
    );
    this.#looking = new Loop(
      ctx.clock,
      async () => {
        await this.look();
        return lookEveryMs;
      },
      (error) => ctx.log.error(error, 'the operator could not be told of the storage'),
    );
  }

  start(): void {
    const { operatorWebhook, metricsPort } = this.#ctx.config;
    if (operatorWebhook === undefined) return;
    this.#looking.start();
    if (metricsPort === undefined) this.#auditing.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#auditing.stop(), this.#looking.stop()]);
  }

  /** Looks whether the storage accepts writes, and tells the operator if it has not for a while; the loop's pass. */
  async look(): Promise<void> {
    const reason = await this.#services.readiness.reason();
    const now = this.#ctx.clock.now();
    if (reason === undefined) {
      this.#failedLooks = this.#tries = this.#nextAt = 0;
      return;
    }
    if (++this.#failedLooks < failingLooks || now < this.#nextAt) return;
    const isTold = await this.#services.webhooks.tellAtOnce('storage_failing', { reason });
    this.#tries = isTold ? 0 : this.#tries + 1;
    this.#nextAt = now + (isTold ? repeatMs : backoffMs(this.#tries));
  }

  /** Tells the operator what an audit has found: once, and again after a day or when something else is broken. */
  async tellOfAudit({ ok, broken }: AuditResponse): Promise<void> {
    const { db, clock, config } = this.#ctx;
    if (config.operatorWebhook === undefined) return;
    const invariants = [...new Set(broken.map(({ invariant }) => invariant))].sort();
    const what = ok ? '' : createHash('sha256').update(invariants.join('\n')).digest('hex');
    await db.transact('tell of audit', async (tx) => {
      const now = clock.now();
      tx.send(ensureTold, { key: toldKey });
      const [known = '', at = ''] = (await tx.one(holdTold, { key: toldKey })).value.split(' ');
      const isNews = what !== known || (what !== '' && Math.abs(now - Number(at)) >= repeatMs);
      if (!isNews) return;
      tx.send(noteTold, { key: toldKey, value: `${what} ${now}` });
      if (ok) return;
      const findings = broken.slice(0, mostFindings);
      tellOperator({ ctx: this.#ctx, tx, now }, 'audit_failed', { broken: broken.length, findings });
    });
  }
}
