import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { type AnyEndpoint, limits } from '@pinchwork/sdk/table';
import { hourMs, minuteMs } from '../ground/clock.ts';
import type { Context } from '../verbs/context.ts';
import type { Tx } from '../storage/database.ts';
import { prepared } from '../storage/prepared.ts';
import { DomainError, invalid, overloaded } from '../ground/errors.ts';
import type { Caller } from './caller.ts';
import type { InvokeOptions, RawInput } from './input.ts';
import { fromStored, toStored } from './references.ts';

/**
 * Idempotency keys (contract section 1): the record is written in the transaction of the verb itself, so that a
 * request and its repetition have one effect, also when they arrive at once, on two nodes, or around a crash.
 */
export interface RecordKey {
  readonly scope: string;
  /** SHA-256 of the request's idempotency key. The key itself opens sealed answers, so the database must not hold it. */
  readonly key: string;
  readonly fingerprint: string;
  readonly keptMs: number;
  /** Turns a reply into what is stored, and back. */
  readonly seal: (reply: string) => string;
  readonly open: (stored: string) => string;
  /** Whether the reply was an earlier one. */
  replayed: boolean;
}

/**
 * Takes a key that is free or expired. Waits while another transaction holds it. Changes no row when the key is in use.
 */
const takeKey = prepared(
  'takeKey',
  (db, p: { scope: string; key: string; fingerprint: string; now: number; expires_at: number }) =>
    db
      .insertInto('idempotency_keys')
      .values({ scope: p.scope, key: p.key, fingerprint: p.fingerprint, reply: '', expires_at: p.expires_at })
      .onConflict((conflict) =>
        conflict
          .columns(['scope', 'key'])
          .doUpdateSet({ fingerprint: p.fingerprint, reply: '', expires_at: p.expires_at })
          .where('idempotency_keys.expires_at', '<=', p.now),
      ),
);

const findKey = prepared('findKey', (db, p: { scope: string; key: string }) =>
  db
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'reply'])
    .where('scope', '=', p.scope)
    .where('key', '=', p.key),
);

const keepReply = prepared('keepReply', (db, p: { scope: string; key: string; reply: string }) =>
  db.updateTable('idempotency_keys').set({ reply: p.reply }).where('scope', '=', p.scope).where('key', '=', p.key),
);

const giveKeyBack = prepared('giveKeyBack', (db, p: { scope: string; key: string }) =>
  db.deleteFrom('idempotency_keys').where('scope', '=', p.scope).where('key', '=', p.key),
);

/**
 * Runs a verb's transaction once per idempotency key. A repetition gets the first reply.
 *
 * @param record the key. Its `replayed` is set to whether the reply was an earlier one.
 * @throws DomainError `idempotency_key_reused` when the key belongs to another request.
 */
export function once<T>(ctx: Context, record: RecordKey, verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { scope, key, fingerprint, keptMs, seal, open } = record;
  return ctx.db.transact(verb, async (tx) => {
    const now = ctx.clock.now();
    record.replayed = (await tx.run(takeKey, { scope, key, fingerprint, now, expires_at: now + keptMs })) === 0;
    if (record.replayed) {
      const earlier = await tx.first(findKey, { scope, key });
      // The record expired and was deleted between the two statements.
      if (earlier === undefined) throw overloaded();
      if (earlier.fingerprint !== fingerprint) throw reused();
      // The fingerprint is the same, so the reply is one of this verb.
      return (await fromStored(tx, scope, open(earlier.reply))) as T;
    }
    const value = await work(tx);
    // Only successes with content are stored. An error rolls the record back.
    if (value === null) tx.send(giveKeyBack, { scope, key });
    else tx.send(keepReply, { scope, key, reply: seal(toStored(value)) });
    return value;
  });
}

const reused = () =>
  new DomainError(
    'idempotency_key_reused',
    'This Idempotency-Key was used for another request',
    'Use a new key for each new request; repeat the same request byte for byte.',
  );

/**
 * The record of a call's idempotency key. Undefined: the call has no key, or needs none.
 *
 * @throws DomainError `invalid_request` for a key of a wrong length.
 */
export function recordKey(
  endpoint: AnyEndpoint,
  caller: Caller,
  input: RawInput,
  options: InvokeOptions,
): RecordKey | undefined {
  const { idempotencyKey: key } = options;
  // Reads can be repeated anyway, so their keys are ignored.
  if (key === undefined || endpoint.idempotency === 'none') return undefined;
  if (key === '' || key.length > limits.idempotencyKeyLength) {
    throw invalid(`Idempotency-Key must be 1 to ${limits.idempotencyKeyLength} characters long`);
  }
  const { params, query, body } = input;
  const fingerprint = options.fingerprint?.() ?? sha256(JSON.stringify([endpoint.name, params, query, lasting(body)]));
  if (endpoint.idempotency === 'sealed') return sealedKey(caller, key, fingerprint);
  const scope = scopeOf(caller);
  const record = { scope, key: recordId(scope, key), fingerprint, keptMs: 24 * hourMs, replayed: false };
  return { ...record, seal: asItIs, open: asItIs };
}

/** A body without its `wait`, which changes nothing: a client that has waited in vain repeats its call with a shorter one. */
function lasting(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { wait: _, ...fields } = body as { readonly wait?: unknown };
  return fields;
}

/** The owner of the keys. A new agent has no id yet, so a registration may be repeated only from the same address. */
const scopeOf = ({ kind, agentId, credentials: { address } }: Caller) =>
  kind === 'agent' ? agentId : kind === 'none' ? `register ${address}` : kind;

const recordId = (scope: string, key: string) => sha256(`${scope}\n${key}`);

const asItIs = (text: string) => text;

/** SHA-256 in hexadecimal. */
export const sha256 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const randomKey =
  'Use a random key, a UUID for example: anybody who has it can read the answer, which contains a secret.';

/** Keys that documents have shown. Two agents behind one address that used one of them would get the same API key. */
const retiredKeys: readonly string[] = ['3f1b6c52-8a57-4c1e-9d43-5b1f0e7a9c21'];

/**
 * The record of an answer that contains a secret. The stored reply is encrypted so that only the idempotency key can
 * decrypt it, and the database does not hold that key.
 */
function sealedKey(caller: Caller, key: string, fingerprint: string): RecordKey {
  if (key.length < limits.sealedKeyLength) {
    throw invalid(`Idempotency-Key must be at least ${limits.sealedKeyLength} characters long here`, randomKey);
  }
  if (retiredKeys.includes(key.toLowerCase())) {
    throw invalid('This Idempotency-Key is an example that others use too', randomKey);
  }
  const scope = scopeOf(caller);
  return {
    scope,
    key: recordId(scope, key),
    // A key of the agent with fewer scopes must not read the secret that another one was given.
    fingerprint: sha256(`${caller.key?.id ?? ''}\n${fingerprint}`),
    keptMs: 10 * minuteMs,
    seal: (reply) => encrypt(key, reply),
    open: (stored) => decrypt(key, stored),
    replayed: false,
  };
}

const cipher = 'aes-256-gcm';
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

const derive = (key: string, salt: Buffer) => Buffer.from(hkdfSync('sha256', key, salt, 'pinchwork sealed reply', 32));

function encrypt(key: string, text: string): string {
  const salt = randomBytes(saltBytes);
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, derive(key, salt), nonce, { authTagLength: tagBytes });
  const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
  return Buffer.concat([salt, nonce, sealing.getAuthTag(), sealed]).toString('base64');
}

function decrypt(key: string, stored: string): string {
  const bytes = Buffer.from(stored, 'base64');
  const nonceAt = saltBytes;
  const tagAt = nonceAt + nonceBytes;
  const textAt = tagAt + tagBytes;
  const opening = createDecipheriv(cipher, derive(key, bytes.subarray(0, saltBytes)), bytes.subarray(nonceAt, tagAt), {
    authTagLength: tagBytes,
  });
  opening.setAuthTag(bytes.subarray(tagAt, textAt));
  return opening.update(bytes.subarray(textAt), undefined, 'utf8') + opening.final('utf8');
}
