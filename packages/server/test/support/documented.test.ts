import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { undocumented } from './documented.ts';
import type { Reply } from './market.ts';

describe('a code, status or header that a row does not list', () => {
  const reply = (status: number, body: object, headers = {}): Reply => ({ status, body, headers, text: '' });
  const asked: InjectOptions = { method: 'POST', url: '/v1/tasks/tk-000000000000/rate?x=1' };

  it('is reported for any reply', () => {
    const error = { error: 'x', code: 'insufficient_credits' };
    expect(undocumented(asked, reply(402, error))).toEqual(['402 insufficient_credits']);
    expect(undocumented(asked, reply(400, { error: 'x', code: 'conflict' }))).toEqual(['400 conflict']);
    expect(undocumented(asked, reply(200, {}))).toEqual(['200']);
    expect(undocumented(asked, reply(201, { task_id: 'tk' }, { 'x-budget': '5' }))).toEqual(['the header x-budget']);
    expect(undocumented(asked, reply(201, {}, { 'x-new': '5' }))).toEqual(['the header x-new']);
    expect(undocumented({ method: 'GET', url: '/v1/me' }, reply(200, {}, { 'idempotency-replayed': 'true' }))).toEqual([
      'the header idempotency-replayed',
    ]);
  });

  it('is not reported when the row lists everything in the reply', () => {
    expect(undocumented(asked, reply(201, { task_id: 'tk' }, { 'x-task-id': 'tk', 'retry-after': '5' }))).toEqual([]);
    expect(undocumented(asked, reply(409, { error: 'x', code: 'conflict' }))).toEqual([]);
    expect(undocumented({ method: 'DELETE', url: '/v1/me/stats' }, reply(405, {}, { allow: 'GET' }))).toEqual([]);
  });
});
