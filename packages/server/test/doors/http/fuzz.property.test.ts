import { type Endpoint, endpoints } from '@pinchwork/sdk/table';
import { reference } from '@pinchwork/sdk/reference';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import audit from '../../../src/audit/audit.ts';
import { openApiDocument } from '../../../src/doors/http/openapi/document.ts';
import { onBothEngines } from '../../support/engines.ts';
import { hostileTexts } from '../../support/hostile-texts.ts';
import { adminKey, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';
import { expectError } from '../../support/errors.ts';
import { testSeed } from '../../support/random.ts';
import { scale } from '../../support/scale.ts';

/**
 * Bad requests made from the OpenAPI document: each is a valid example with one change that the document does not
 * allow. No reply may be a 5xx, no request may move a credit, and every refusal has the same shape.
 *
 * `PINCHWORK_TEST_REQUESTS=1000000 npx vitest run fuzz` sends more; `PINCHWORK_TEST_SEED=…` the same ones again.
 */
const wanted = scale('REQUESTS', { short: 2_000, long: 20_000 });
/** PostgreSQL takes several times as long per request, so it gets fewer of them. */
const share = { SQLite: 0.8, PostgreSQL: 0.2 };

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a document of any shape
type Json = Record<string, any>;
type EndpointName = keyof typeof endpoints;

const document: Json = openApiDocument('http://localhost');
const schemas = document.components.schemas as Json;
const resolve = (schema: Json): Json =>
  schema.$ref === undefined ? schema : (schemas[(schema.$ref as string).split('/').at(-1)!] as Json);

interface Bounds {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly maxItems?: number;
}

/** Values that a property does not allow. */
function badValue(schema: Json): fc.Arbitrary<unknown> {
  const kinds = (schema.anyOf as Json[] | undefined)?.flatMap(
    (each) => (each.anyOf as Json[] | undefined) ?? [each],
  ) ?? [schema];
  const allows = (type: string) => kinds.some((kind) => [kind.type].flat().includes(type));
  const candidates: fc.Arbitrary<unknown>[] = [fc.constant({}), fc.constant({ a: { b: [] } })];
  if (!allows('array')) candidates.push(fc.constant([]), fc.constant([null]), fc.constant(['x']));
  if (!allows('boolean')) candidates.push(fc.boolean());
  if (!allows('integer') && !allows('number'))
    candidates.push(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  if (!allows('string')) candidates.push(fc.constantFrom(...hostileTexts));
  for (const { type, minimum = 0, maximum = 2 ** 53, maxLength, minLength, maxItems } of kinds as Bounds[]) {
    if (type === 'integer') candidates.push(fc.constantFrom(1.5, -1e300, 1e300, maximum + 1, minimum - 1));
    if (type === 'string' && maxLength !== undefined) candidates.push(fc.constant('x'.repeat(maxLength + 1)));
    if (type === 'string' && (minLength ?? 0) > 0) candidates.push(fc.constant(''));
    if (type === 'string') candidates.push(fc.constantFrom('a\0b', '\ud800'));
    if (maxItems !== undefined)
      candidates.push(
        fc.constant(Array(maxItems + 1).fill('tag')),
        fc.constant([['nested']]),
        fc.constant(['no spaces']),
      );
  }
  return fc.oneof(...candidates);
}

interface Bad {
  readonly name: EndpointName;
  readonly query?: string;
  readonly body?: string;
  readonly type?: string;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const withBody = (Object.keys(endpoints) as EndpointName[]).filter(
  (name) => (endpoints[name] as Endpoint).body !== undefined,
);
const withFields = withBody.filter((name) => Object.keys((endpoints[name] as Endpoint).body!.shape).length > 0);

/** A field with a value that it does not allow. */
const badField: fc.Arbitrary<Bad> = fc.constantFrom(...withFields).chain((name) => {
  const { method, path } = endpoints[name];
  const operation = document.paths[path.replace(/:(\w+)/g, '{$1}')][method.toLowerCase()] as Json;
  const { properties } = resolve(operation.requestBody.content['application/json'].schema as Json);
  return fc.constantFrom(...Object.keys(properties as Json)).chain((field) =>
    badValue(properties[field] as Json).map((value) => ({
      name,
      body: JSON.stringify({ ...reference[name].body, [field]: value }),
      type: 'application/json',
    })),
  );
});

/** A malformed body. */
const badBody: fc.Arbitrary<Bad> = fc
  .tuple(
    fc.constantFrom(...withBody),
    fc.oneof(
      fc.string().map((text) => `{]${text}`),
      fc.constantFrom('[]', 'null', '9', '"x"', '{"a":1', '{]', '{"__proto__":{}}'),
    ),
  )
  .map(([name, body]) => ({ name, body, type: 'application/json' }));

const badFrontMatter: fc.Arbitrary<Bad> = fc
  .tuple(
    fc.constantFrom(...withFields),
    fc.constantFrom('a: &x 1\nb: *x', '- a', '!!js/function x', '{', 'a: b: c', '__proto__: x', '"'),
  )
  .map(([name, yaml]) => {
    // It names a field, so that it counts as front matter, not as text.
    const [field] = Object.keys((endpoints[name] as Endpoint).body!.shape);
    return { name, body: `---\n${field}: x\n${yaml}\n---\ntext`, type: 'text/markdown' };
  });

const withQuery = (Object.keys(endpoints) as EndpointName[]).filter(
  (name) => (endpoints[name] as Endpoint).query !== undefined,
);
const badQuery: fc.Arbitrary<Bad> = fc
  .tuple(
    fc.constantFrom(...withQuery),
    fc.constantFrom('limit', 'offset', 'cursor', 'wait', 'status', 'role', 'sort_by', 'min_reputation'),
    fc.oneof(
      fc.constantFrom('-1', '1e9', 'x', '%00', '%ff', '1.5', '99999999999999999999'),
      fc.string().map(encodeURIComponent),
    ),
  )
  .map(([name, parameter, value]) => ({ name, query: `${parameter}=${value}` }));

const badId: fc.Arbitrary<Bad> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(endpoints) as EndpointName[]).filter((name) => endpoints[name].path.includes(':'))),
    fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom(...hostileTexts.filter((text) => text.isWellFormed()))),
  )
  // A URL with the segment `.` or `..` is another path: no server sees such an id.
  .filter(([, id]) => !/^\.{1,2}$/.test(id))
  .map(([name, id]) => ({ name, id: encodeURIComponent(id) }));

/** Texts that can stand in a header at all. */
const headerTexts = hostileTexts.filter((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));

/** An odd header with a body that no endpoint accepts in any format. */
const badHeader: fc.Arbitrary<Bad> = fc
  .tuple(
    fc.constantFrom(...withBody),
    fc.oneof(
      fc.constantFrom('', 'x'.repeat(256), ...headerTexts).map((text) => ({ 'idempotency-key': text })),
      fc.constantFrom(...headerTexts).map((text) => ({ authorization: text })),
      fc.constantFrom(...headerTexts).map((text) => ({ authorization: `Bearer ${text}` })),
      fc.constantFrom(...headerTexts).map((text) => ({ 'content-type': text })),
    ),
  )
  .map(([name, headers]) => ({ name, headers, body: 'a\0b', type: 'text/plain' }));

const badRequest = fc.oneof(
  { arbitrary: badField, weight: 5 },
  { arbitrary: badBody, weight: 2 },
  { arbitrary: badFrontMatter, weight: 1 },
  { arbitrary: badQuery, weight: 1 },
  { arbitrary: badId, weight: 1 },
  { arbitrary: badHeader, weight: 1 },
);

onBothEngines('a market under bad requests', (engine) => {
  it('answers each with a refusal, and not a credit moves', { timeout: wanted * 50 }, async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '100000' });
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const tasks = [await postTask(poster), await claimTask(poster, worker), await deliverTask(poster, worker)];
    // Long polls end at once.
    market.ctx.watch.close();
    market.ctx.streams.close();
    market.ctx.feed.close();
    const balances = async () =>
      engine.query(
        market.url,
        `select id, balance from accounts where id in ('${poster.id}', '${worker.id}') order by id`,
      );
    const before = await balances();
    let sent = 0;
    const send = async ({ name, query, body, type, id, headers }: Bad) => {
      const { method, path, auth } = endpoints[name] as Endpoint;
      const task = tasks[sent % tasks.length]!;
      const url = path.replace(':id', id ?? task).replace(':question_id', id ?? 'qa-000000000000');
      const key = auth === 'admin' ? adminKey : sent % 2 === 0 ? poster.key : worker.key;
      sent++;
      const reply = await market.request({
        method,
        url: `${url}${query === undefined ? '' : `?${query}`}`,
        headers: {
          authorization: `Bearer ${key}`,
          ...(type === undefined ? {} : { 'content-type': type }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: body }),
      });
      // A parameter that an endpoint does not have is ignored, and an odd id may still stand in a good path.
      if (reply.status < 400) expect(query ?? id, reply.text).toBeDefined();
      else expectError(reply, reply.status);
      expect(reply.status, reply.text).toBeLessThan(500);
    };
    const total = Math.round(wanted * share[engine.name]);
    await fc.assert(fc.asyncProperty(badRequest, send), { numRuns: total, seed: testSeed, endOnFailure: true });
    expect(sent).toBeGreaterThanOrEqual(total);
    expect(await balances()).toEqual(before);
    expect((await audit(market.ctx.db, { now: market.clock.now() })).broken).toEqual([]);
  });
});
