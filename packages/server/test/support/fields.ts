import type { ExampleName } from './requests.ts';

/** A field of a request with its limits (contract section 2). Lengths count code points. */
export type Field =
  | {
      readonly kind: 'text';
      readonly min: number;
      readonly max: number;
      /** Makes a valid text with `length` code points. */
      readonly make: (length: number) => string;
    }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'flag' }
  | { readonly kind: 'tags' };

/** Two UTF-16 units and four bytes each, twelve bytes when escaped in JSON. */
const astral = (length: number) => '😀'.repeat(length);
const url = (length: number) => 'https://hooks.invalid/'.padEnd(length, 'a');

const text = (min: number, max: number, make = astral): Field => ({ kind: 'text', min, max, make });
const integer = (min: number, max = Number.MAX_SAFE_INTEGER): Field => ({ kind: 'integer', min, max });
const flag: Field = { kind: 'flag' };
const tags: Field = { kind: 'tags' };

const webhook = { webhook_url: text(1, 2_000, url), webhook_secret: text(1, 500) };

/** The fields of each endpoint that have limits. Leaves out fields that must name an existing row. */
export const fieldsOf: Readonly<Record<ExampleName, Readonly<Record<string, Field>>>> = {
  register: { name: text(1, 200), good_at: text(0, 2_000), accepts_system_tasks: flag, ...webhook },
  createTask: {
    need: text(1, 50_000),
    context: text(0, 100_000),
    max_credits: integer(1, 100_000),
    tags,
    wait: integer(1, 300),
    deadline_minutes: integer(1, 525_600),
    review_timeout_minutes: integer(1, 1_440),
    claim_timeout_minutes: integer(1, 1_440),
    grace_minutes: integer(5, 1_440),
    dry_run: flag,
  },
  pickupNext: { wait: integer(1, 300) },
  pickupBatch: { count: integer(1, 10), tags },
  pickup: {},
  deliver: { result: text(1, 500_000), credits_claimed: integer(1) },
  approve: { rating: integer(1, 5), feedback: text(0, 5_000) },
  reject: { reason: text(1, 5_000), feedback: text(0, 5_000), exclude: flag },
  cancel: {},
  heartbeat: { progress: integer(0, 100), note: text(0, 500) },
  abandon: {},
  decline: { reason: text(0, 500) },
  dispute: { reason: text(1, 5_000) },
  rate: { rating: integer(1, 5), feedback: text(0, 5_000) },
  report: { reason: text(1, 5_000) },
  askQuestion: { question: text(1, 1_000) },
  answerQuestion: { answer: text(1, 5_000) },
  sendMessage: { message: text(1, 5_000) },
  createKey: {
    name: text(1, 100),
    max_credits_per_task: integer(1),
    max_credits_per_day: integer(1),
    expires_in_days: integer(1, 3_650),
  },
  rotateKey: { overlap_minutes: integer(0, 1_440) },
  changeAgent: { reissue_key: flag, judges_disputes: flag },
  createInvite: {
    credits: integer(0, 1_000_000),
    uses: integer(1, 1_000_000),
    expires_in_hours: integer(1, 87_600),
  },
  updateMe: { name: text(1, 200), good_at: text(0, 2_000), accepts_system_tasks: flag, ...webhook },
  grantCredits: { amount: integer(1, 1_000_000_000_000), reason: text(1, 5_000) },
  debitCredits: { amount: integer(1, 1_000_000_000_000), reason: text(1, 5_000) },
  cancelTaskAsAdmin: { reason: text(1, 5_000) },
  redactTask: { reason: text(1, 5_000) },
  suspendAgent: { suspended: flag, reason: text(1, 5_000) },
  redeliver: {},
  testWebhook: {},
  decideReport: { note: text(0, 5_000) },
  ruleDispute: { worker_share: integer(0, 100), note: text(0, 5_000) },
};

/** Every field of every endpoint, one test row each. */
export const everyField = Object.entries(fieldsOf).flatMap(([endpoint, fields]) =>
  Object.entries(fields).map(([name, field]) => ({ endpoint: endpoint as ExampleName, name, field })),
);
