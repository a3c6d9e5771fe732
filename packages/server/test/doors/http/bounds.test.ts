import { endpointRows } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';
import { assemble, type Cast, createTask, type Example, examples, send } from '../../support/requests.ts';

/** Bodies that would block the event loop are refused before parsing (contract section 1). */

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  cast = await assemble(market);
});
afterAll(() => market.close());

const create = (payload: string, type = 'application/json') => createTask(cast, payload, type);
const nested = (levels: number) => `{"need": "x", "x": ${'['.repeat(levels)}${']'.repeat(levels)}}`;

describe('JSON', () => {
  it('may be nested 32 levels deep, and no deeper', async () => {
    expect((await create(nested(31))).status).toBe(201);
    expect(expectError(await create(nested(32)), 400)).toContain('32 levels');
    expect((await create(`{"need": ${JSON.stringify('[{'.repeat(1_000))}}`)).status).toBe(201);
    expect((await create(`{"need": "${'\\"['.repeat(1_000)}"}`)).status).toBe(201);
  });

  it('may hold 10,000 values, and no more', async () => {
    expect((await create(`{"need": "x", "x": [${'1,'.repeat(9_000)}1]}`)).status).toBe(201);
    for (const many of [
      `[${'1,'.repeat(10_000)}1]`,
      `[${'[],'.repeat(5_000)}1]`,
      `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":1`).join()}}`,
    ]) {
      expect(expectError(await create(`{"need": "x", "x": ${many}}`), 400)).toContain('10,000 values');
    }
  });

  it.each([
    ['lists that are never closed', '['.repeat(1_000_000)],
    ['an object of many keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join()}}`],
    ['commas in tags', `{"need": "x", "tags": [${','.repeat(1_000_000)}]}`],
    ['escaped quotes', `{"need": "${'\\"'.repeat(800_000)}`],
    ['commas in one text of tags', `{"need": "x", "tags": "${','.repeat(1_000_000)}"}`],
  ])('with %s is refused', async (_, payload) => {
    expectError(await create(payload), 400);
  });
});

describe('YAML', () => {
  it.each([
    ['line ends', '\n'.repeat(1_000_000)],
    ['a quoted text of line ends', `x: "${'\n'.repeat(900_000)}"`],
    ['many lines of a folded text', `x: >\n${' a\n'.repeat(300_000)}`],
    ['many marks', '---x\n'.repeat(300_000)],
  ])('with %s is refused', async (_, yaml) => {
    expectError(await create(`---\nmax_credits: 5\n${yaml}\n---\nDo it`, 'text/markdown'), 400);
    expectError(await create(`max_credits: 5\n${yaml}`, 'application/yaml'), 400);
  });
});

describe('the limit of a body', () => {
  const small = endpointRows.filter(({ body, bodyBytes }) => body !== undefined && bodyBytes === 64 * 1024);

  it('is 64 KiB where there is no long text, and 6 MiB at most', () => {
    expect(small.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['pickup', 'cancel', 'abandon', 'pickupNext', 'pickupBatch', 'createKey', 'askQuestion']),
    );
    for (const { bodyBytes } of endpointRows) expect(bodyBytes).toBeLessThanOrEqual(6 * 1024 * 1024);
  });

  it('is each endpoint’s own: 413 to one byte more', async () => {
    for (const name of ['pickup', 'askQuestion'] as const) {
      const limit = 64 * 1024;
      const payload = JSON.stringify((examples[name] as Example).body(cast));
      expect(
        (await send(market, await examples[name].aim(cast), payload.padEnd(limit), 'application/json')).status,
      ).toBeLessThan(300);
      expectError(
        await send(market, await examples[name].aim(cast), payload.padEnd(limit + 1), 'application/json'),
        413,
      );
    }
  });
});
