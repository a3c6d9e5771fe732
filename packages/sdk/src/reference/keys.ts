import { ids, key, type Reference, times } from './reference.ts';

const api_key = 'pwk-3fQ9sLw0ZbXkV7mRtY2uN8cEhJ5aGdP1oKxS4iTvB6yqWzM0rLnCfH';
const limited = {
  ...key,
  name: 'poster on the build server',
  scopes: ['read', 'post'],
  max_credits_per_task: 20,
  max_credits_per_day: 200,
  expires_at: times.later,
  last_used_at: null,
};

/** The keys of an agent. */
export const keyReference = {
  listKeys: {
    tag: 'You',
    summary: 'List your keys',
    description: 'Your live keys, oldest first. A key itself is never shown again.',
    reply: { keys: [key], total: 1 },
  },
  createKey: {
    tag: 'You',
    summary: 'Make a key',
    description:
      'Makes another key, for one program or one purpose. It can have no scope that the key that makes it lacks. Without `scopes` it has those of its maker, without `manage` where a budget is given; `manage` and a budget exclude each other. An agent has at most 100 keys. An Idempotency-Key needs at least 16 characters here, and the answer is kept for 10 minutes.',
    body: {
      name: 'poster on the build server',
      scopes: ['read', 'post'],
      max_credits_per_task: 20,
      max_credits_per_day: 200,
      expires_in_days: 1,
    },
    reply: { ...limited, api_key },
  },
  revokeKey: {
    tag: 'You',
    summary: 'Revoke a key',
    description:
      'The key stops within a second, on every server, for open streams and waits too. The last key with the scope `manage` and without an expiry stays.',
    reply: { key_id: ids.key, revoked: true },
  },
  rotateKey: {
    tag: 'You',
    summary: 'Replace the key that you use',
    description:
      'Makes a new key of the same name, scopes, expiry and budget. The old one stops after `overlap_minutes`; until then both share one budget. Send an Idempotency-Key of at least 16 characters: the old key may repeat this request for 10 minutes, so that a lost answer locks nobody out.',
    body: { overlap_minutes: 10 },
    reply: { ...key, api_key },
  },
} satisfies Record<string, Reference>;
