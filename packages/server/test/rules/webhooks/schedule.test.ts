import { describe, expect, it } from 'vitest';
import { hourMs, secondMs } from '../../../src/ground/clock.ts';
import type { DeliveryRow } from '../../../src/rules/webhooks/queries.ts';
import { aftermath, attemptsOf, backoffMs, restUntil } from '../../../src/rules/webhooks/schedule.ts';
import type { SendResult } from '../../../src/rules/webhooks/sender.ts';

const now = Date.UTC(2030, 0, 1);
const row: DeliveryRow = {
  ...{ agent_id: 'ag-XKn6PfEkL1tv', id: 'wd-XKn6PfEsgT4c', event_number: 1, event: 'task_claimed' },
  ...{ task_id: 'tk-XKn6PfEsdRzG', data: '{}', created_at: now, status: 'pending', tries: 0, next_at: now },
  ...{ forget_at: null, attempts: '[]' },
};
const resultOf = (statusCode: number | null, retryAfter?: string): SendResult => ({
  ...{ statusCode, retryAfter, durationMs: 7 },
  error: statusCode === 200 ? null : 'no',
});

describe('a retry', () => {
  it('comes after five times the previous pause, at most an hour', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 24].map((retry) => backoffMs(retry) / secondMs)).toEqual([
      1, 5, 25, 125, 625, 3_125, 3_600, 3_600,
    ]);
  });

  it('is up to a quarter early or late, at random', () => {
    const nextAt = (chance: number) => aftermath(row, resultOf(500), { now, maxRetries: 3, chance }).next_at! - now;
    expect([0, 0.5, 1].map(nextAt)).toEqual([750, 1_000, 1_250]);
  });

  it('comes as often as the setting allows', () => {
    for (const maxRetries of [0, 1, 3, 24]) {
      let current = row;
      let tries = 0;
      while (current.status === 'pending') {
        current = { ...current, ...aftermath(current, resultOf(null), { now, maxRetries, chance: 0.5 }) };
        tries++;
      }
      expect(tries).toBe(maxRetries + 1);
      expect(attemptsOf(current.attempts)).toHaveLength(tries);
      expect(current).toMatchObject({ status: 'dead', next_at: null, forget_at: now + 30 * 24 * hourMs });
    }
  });

  it('never comes for a test or after 410', () => {
    const status = (of: DeliveryRow, result: SendResult) =>
      aftermath(of, result, { now, maxRetries: 3, chance: 0 }).status;
    expect(status({ ...row, event: 'webhook_test', event_number: null }, resultOf(500))).toBe('dead');
    expect(status(row, resultOf(410))).toBe('dead');
    expect(status(row, resultOf(404))).toBe('pending');
    expect(status(row, resultOf(200))).toBe('delivered');
  });
});

it('a delivery keeps the log of its latest 25 attempts', () => {
  const log = JSON.stringify(
    Array.from({ length: 25 }, (_, i) => ({ at: 'then', status_code: i, duration_ms: 0, error: null })),
  );
  const { attempts } = aftermath({ ...row, attempts: log }, resultOf(200), { now, maxRetries: 3, chance: 0 });
  expect(attemptsOf(attempts).map(({ status_code }) => status_code)).toEqual([
    ...Array.from({ length: 24 }, (_, i) => i + 1),
    200,
  ]);
});

it.each([
  ['120', 120 * secondMs],
  ['0', 0],
  ['86400', hourMs],
  ['999999999', hourMs],
  ['Tue, 01 Jan 2030 00:01:00 GMT', 60 * secondMs],
  ['Mon, 31 Dec 2029 00:01:00 GMT', 0],
  ['soon', 0],
  ['-5', 0],
  ['', 0],
  ['1e9', 0],
  [undefined, 0],
])('Retry-After: %s gives a rest of %i ms', (retryAfter, restMs) => {
  expect(Math.max(0, restUntil(resultOf(503, retryAfter), now) - now)).toBe(restMs);
  expect(restUntil(resultOf(200, retryAfter), now)).toBe(0);
});
