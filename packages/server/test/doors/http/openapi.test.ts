import { documents, type Endpoint, endpointRows, endpoints, shownPath } from '@pinchwork/sdk/table';
import { reference } from '@pinchwork/sdk/reference';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disputeTask, rejectTask } from '../../support/disputes.ts';
import { sqlite } from '../../support/engines.ts';
import {
  adminKey,
  claimTask,
  deadWebhook,
  deliverTask,
  makeDelivery,
  Market,
  postTask,
  type Reply,
} from '../../support/market.ts';
import { assemble, type Cast } from '../../support/requests.ts';

type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- a document of any shape
type EndpointName = keyof typeof endpoints;

let market: Market;
let cast: Cast;
let document: Json;
let validate: (schema: Json, value: unknown) => string[];

beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_PUBLIC_URL: 'https://market.example' });
  cast = await assemble(market);
  // Ends all waits: a request with `wait` is answered at once, and a stream ends.
  market.ctx.watch.close();
  market.ctx.streams.close();
  market.ctx.feed.close();
  document = (await market.request({ method: 'GET', url: '/openapi.json' })).body;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema({ $id: 'document', components: document.components });
  const absolute = (schema: Json) => JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as Json;
  // To compile a schema takes 10 to 50 ms, and all endpoints share those of their errors.
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
  const checkOf = (schema: Json) => {
    const text = JSON.stringify(schema);
    const check = compiled.get(text) ?? ajv.compile(absolute(schema));
    compiled.set(text, check);
    return check;
  };
  validate = (schema, value) => {
    const check = checkOf(schema);
    return check(value) ? [] : check.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
});
afterAll(() => market.close());

/** Every operation with its path and method. */
const operations = (): [string, string, Json][] =>
  Object.entries<Json>(document.paths).flatMap(([path, item]) =>
    Object.entries<Json>(item).map(([method, operation]): [string, string, Json] => [method, path, operation]),
  );

const shown = (path: string) => path.replace(/:(\w+)/g, '{$1}');

describe('the OpenAPI document', () => {
  it('is a valid one, of version 3.1', async () => {
    expect(document.openapi).toBe('3.1.0');
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  });

  it('has every endpoint and every document, and no other', () => {
    const told = operations().map(([method, path]) => `${method.toUpperCase()} ${path}`);
    const expected = [
      ...Object.values<Endpoint>(endpoints).map(({ method, path }) => `${method} ${shown(path)}`),
      ...Object.values(documents).map(({ path }) => `GET ${shown(path)}`),
    ];
    expect(told.sort()).toEqual(expected.sort());
  });

  it('fills in no Idempotency-Key', () => {
    const parameters = JSON.stringify(document).match(/\{"name":"Idempotency-Key"[^}]*\}[^}]*\}/g) ?? [];
    expect(parameters.length).toBeGreaterThan(20);
    for (const parameter of parameters) expect(parameter).not.toContain('example');
  });

  it('describes everything, with an example', () => {
    const missing: string[] = [];
    const need = (where: string, thing: Json, ...keys: string[]) => {
      for (const key of keys) if (thing[key] === undefined || thing[key] === '') missing.push(`${where}: ${key}`);
    };
    const ids = new Set<string>();
    for (const [method, path, operation] of operations()) {
      const where = `${method} ${path}`;
      need(where, operation, 'operationId', 'summary', 'description', 'tags', 'responses');
      expect(ids.has(operation.operationId)).toBe(false);
      ids.add(operation.operationId);
      for (const parameter of operation.parameters)
        // A page that fills one in would give two people the same key, and on register the same account.
        if (parameter.name === 'Idempotency-Key') need(`${where} ${parameter.name}`, parameter, 'description');
        else need(`${where} ${parameter.name}`, parameter, 'description', 'example');
      for (const [type, content] of Object.entries<Json>(operation.requestBody?.content ?? {})) {
        need(`${where} ${type}`, content, 'examples', 'schema');
      }
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        need(`${where} ${status}`, response, 'description', 'headers');
        for (const [type, content] of Object.entries<Json>(response.content ?? {})) {
          if (content.examples === undefined) need(`${where} ${status} ${type}`, content, 'example');
        }
      }
    }
    // At any depth: in lists, in records, and in what may be null.
    const needFields = (where: string, { properties = {}, items, additionalProperties, anyOf = [] }: Json) => {
      for (const [key, property] of Object.entries<Json>(properties)) {
        need(`${where}.${key}`, property, 'description');
        needFields(`${where}.${key}`, property);
      }
      for (const part of [items, additionalProperties, ...anyOf]) if (typeof part === 'object') needFields(where, part);
    };
    for (const [name, schema] of Object.entries<Json>(document.components.schemas)) {
      need(name, schema, 'description');
      needFields(name, schema);
    }
    for (const [name, header] of Object.entries<Json>(document.components.headers))
      need(name, header, 'description', 'example');
    expect(missing).toEqual([]);
  });

  it('says what the values of a record are', () => {
    const { shares } = document.components.schemas.OverviewResponse.properties;
    expect(shares.additionalProperties.properties.used).toMatchObject({ type: 'integer' });
  });

  it('has the component names that clients are made from', () => {
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(
        'TaskResponse TaskPickupResponse ErrorResponse AgentResponse RegisterResponse CreditBalanceResponse MyTasksResponse'.split(
          ' ',
        ),
      ),
    );
  });

  it('knows the warnings of every reply that may have some', () => {
    for (const { path, method, status, name, hasWarnings } of endpointRows) {
      const operation = document.paths[shownPath(path)][method.toLowerCase()];
      const text = JSON.stringify(operation.responses[status]);
      expect(text.includes('#/components/schemas/Warnings'), name).toBe(hasWarnings);
    }
  });

  it('has examples that fit its schemas', () => {
    const faults: string[] = [];
    for (const [method, path, operation] of operations()) {
      const contents = [operation.requestBody, ...Object.values<Json>(operation.responses)].map(
        (part) => part?.content?.['application/json'] as Json | undefined,
      );
      for (const content of contents) {
        for (const [name, example] of Object.entries<Json>(content?.examples ?? {})) {
          for (const fault of validate(content!.schema, example.value))
            faults.push(`${method} ${path} ${name}: ${fault}`);
        }
      }
    }
    expect(faults).toEqual([]);
  });

  it.each(['human', 'humanAgents'] as const)('knows the answer to a query that a page refuses: %s', async (name) => {
    const { path } = documents[name];
    const { status } = await market.request({ method: 'GET', url: `${path}?tags=%C2%A3` });
    expect(status).toBe(400);
    expect(Object.keys(document.paths[path].get.responses)).toContain(String(status));
  });

  it('names the address that it was asked at, where none is configured, and is then not cached', async () => {
    const open = await Market.fresh(sqlite);
    const ask = (host: string) => open.request({ method: 'GET', url: '/openapi.json', headers: { host } });
    const reply = await ask('Market.example:8443');
    expect(reply.body.servers[0].url).toBe('http://market.example:8443');
    expect(reply.headers['cache-control']).toBe('no-store');
    for (const host of ['my_market:8000', 'market.example.', 'market.example.:8443']) {
      expect((await ask(host)).body.servers[0].url).toBe(`http://${host}`);
    }
    // The Host header is invalid, so the document names the address of the connection.
    for (const host of ['evil"example', 'a b', '<script>', 'x'.repeat(300)]) {
      expect((await ask(host)).body.servers[0].url).toBe('http://127.0.0.1:8000');
    }
  });
});

/** The path parameters and the key for each endpoint's example. */
const aims: Partial<
  Record<EndpointName, () => Promise<{ path: Record<string, string>; query?: Record<string, string>; key: string }>>
> = {};
const about = (name: EndpointName, key: () => string, path: () => Promise<Record<string, string>>) => {
  aims[name] = async () => ({ key: key(), path: await path() });
};
const posterKey = () => cast.poster.key;
const workerKey = () => cast.worker.key;
const fields = { tags: ['colours'] };
const posted = async () => ({ id: await postTask(cast.poster, fields) });
const claimed = async () => ({ id: await claimTask(cast.poster, cast.worker, fields) });
const delivered = async () => ({ id: await deliverTask(cast.poster, cast.worker, fields) });
const asked = async () => {
  const { id } = await posted();
  const { body } = await cast.worker.post(`/v1/tasks/${id}/questions`, { question: 'Why?' });
  return { id, question_id: body.id as string };
};
about('showTask', posterKey, delivered);
about('showBoardTask', workerKey, posted);
about('pickupNext', workerKey, posted);
about('pickupBatch', workerKey, posted);
about('pickup', workerKey, posted);
about('deliver', workerKey, claimed);
about('approve', posterKey, delivered);
about('reject', posterKey, delivered);
about('cancel', posterKey, posted);
about('heartbeat', workerKey, claimed);
about('abandon', workerKey, claimed);
about('decline', workerKey, async () => ({
  id: await postTask(cast.poster, { ...fields, for_agents: [cast.worker.id] }),
}));
// Each has a worker of its own: it may have three disputes open.
const disputant = () => market.register('disputant');
aims.dispute = async () => {
  const worker = await disputant();
  return { path: { id: await rejectTask(cast.poster, worker, { ...fields, max_credits: 5 }) }, key: worker.key };
};
const disputed = async () => {
  const parties = { poster: cast.poster, worker: await disputant() };
  return { id: (await disputeTask(market, parties, { ...fields, max_credits: 5 })).dispute };
};
about('showDispute', workerKey, disputed);
about('ruleDispute', workerKey, disputed);
about('rate', workerKey, async () => {
  const { id } = await delivered();
  await cast.poster.post(`/v1/tasks/${id}/approve`);
  return { id };
});
about('report', workerKey, posted);
about('listQuestions', workerKey, asked);
about('askQuestion', workerKey, posted);
about('answerQuestion', posterKey, asked);
about('listTaskDeliveries', posterKey, claimed);
about('listMessages', posterKey, claimed);
about('sendMessage', workerKey, claimed);
const hooked = () => market.register('owner of a webhook', { webhook_url: deadWebhook });
aims.testWebhook = async () => ({ path: {}, key: (await hooked()).key });
aims.redeliver = async () => {
  const owner = await hooked();
  return { path: { id: await makeDelivery(owner, cast.worker) }, key: owner.key };
};
about('showAgent', workerKey, async () => ({ id: cast.worker.id }));
const registered = () => market.register('owner of keys');
about('changeAgent', workerKey, async () => ({ id: (await registered()).id }));
about('revokeInvite', workerKey, async () => ({ id: (await market.admin.post('/v1/admin/invites')).body.invite_id }));
aims.rotateKey = async () => ({ path: {}, key: (await registered()).key });
aims.deleteMe = async () => {
  const owner = await registered();
  return { path: {}, query: { confirm: owner.id }, key: owner.key };
};
aims.revokeKey = async () => {
  const owner = await registered();
  return { path: { id: (await owner.post('/v1/me/keys', { name: 'spare' })).body.key_id }, key: owner.key };
};
about('showAgentAsAdmin', workerKey, async () => ({ id: cast.worker.id }));
about('showTaskAsAdmin', workerKey, delivered);
about('cancelTaskAsAdmin', workerKey, claimed);
about('redactTask', workerKey, delivered);
about('decideReport', workerKey, async () => {
  const { id } = await posted();
  return { id: (await cast.worker.post(`/v1/tasks/${id}/report`, { reason: 'Spam' })).body.report_id as string };
});

/** Sends an endpoint's example, in one of the formats that it is documented in. */
async function sendExample(name: EndpointName, type: string): Promise<Reply> {
  const endpoint: Endpoint = endpoints[name];
  const aimed = await aims[name]?.();
  const { path = {}, query: own, key = posterKey() } = aimed ?? {};
  const query = new URLSearchParams(
    Object.entries(own ?? reference[name].query ?? {}).map(([k, v]): [string, string] => [k, String(v)]),
  );
  const url = endpoint.path.replace(/:(\w+)/g, (_, parameter: string) => path[parameter]!);
  const operation = document.paths[shown(endpoint.path)][endpoint.method.toLowerCase()];
  const example = operation.requestBody?.content[type].examples[name].value;
  // The agents of the examples do not exist in this market.
  const payload =
    example === undefined
      ? undefined
      : (typeof example === 'string' ? example : JSON.stringify(example)).replace(/ag-XKn6PfE\w+/g, cast.worker.id);
  return market.request({
    method: endpoint.method,
    url: `${url}${query.size === 0 ? '' : `?${query.toString()}`}`,
    headers: {
      ...(endpoint.auth === 'none' ? {} : { authorization: `Bearer ${endpoint.auth === 'admin' ? adminKey : key}` }),
      ...(payload === undefined ? {} : { 'content-type': type }),
      accept: type,
    },
    ...(payload === undefined ? {} : { payload }),
  });
}

describe('every example of the document does what it promises', () => {
  it.each(Object.keys(endpoints) as EndpointName[])('%s', async (name) => {
    const endpoint: Endpoint = endpoints[name];
    const operation = document.paths[shown(endpoint.path)][endpoint.method.toLowerCase()] as Json;
    if (endpoint.isStream) return expectStream(name, operation);
    for (const type of operation.requestBody === undefined
      ? ['application/json', 'text/markdown']
      : Object.keys(operation.requestBody.content as Json)) {
      const reply = await sendExample(name, type);
      const promised = operation.responses[endpoint.status] as Json;
      expect(reply.status, reply.text).toBe(endpoint.status);
      const [sent] = String(reply.headers['content-type']).split(';');
      expect(Object.keys(promised.content as Json)).toContain(sent);
      expect(sent).toBe(endpoint.alwaysJson || type === 'application/json' ? 'application/json' : 'text/markdown');
      if (sent !== 'application/json') continue;
      expect(validate(promised.content['application/json'].schema, reply.body)).toEqual([]);
      const told = Object.keys(promised.headers as Json).map((header) => header.toLowerCase());
      const extra = Object.keys(reply.headers).filter((header) => header.startsWith('x-') && !told.includes(header));
      expect(extra.filter((header) => !securityHeaders.includes(header))).toEqual([]);
    }
  });
});

/** A stream has messages instead of a body: their data must fit the schema, in the example and in the reply. */
async function expectStream(name: EndpointName, operation: Json): Promise<void> {
  const type = 'text/event-stream';
  const { content } = operation.responses[200];
  expect(Object.keys(content as Json)).toEqual([type]);
  const { status, headers } = await sendExample(name, type);
  expect([status, headers['content-type']]).toEqual([200, `${type}; charset=utf-8`]);
  const data = /^data: (.*)$/m.exec(content[type].examples[name].value as string)![1]!;
  const schema = name === 'streamMarket' ? 'MarketEvent' : 'EventMessage';
  expect(validate(document.components.schemas[schema], JSON.parse(data))).toEqual([]);
}

const securityHeaders = [
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
];

describe('every error that the document shows is one that comes', () => {
  const cases: [string, number, () => Promise<Reply>][] = [
    ['invalid_request', 400, () => cast.poster.post('/v1/tasks', {})],
    ['unauthorized', 401, () => market.request({ method: 'GET', url: '/v1/me' })],
    ['insufficient_credits', 402, () => cast.worker.post('/v1/tasks', { need: 'x', max_credits: 100_000 })],
    ['forbidden', 403, async () => cast.worker.post(`/v1/tasks/${(await posted()).id}/cancel`)],
    ['not_found', 404, () => cast.worker.get('/v1/tasks/odd')],
    ['method_not_allowed', 405, () => market.request({ method: 'DELETE', url: '/v1/me/stats' })],
    ['conflict', 409, async () => cast.poster.post(`/v1/tasks/${(await posted()).id}/pickup`)],
    ['payload_too_large', 413, () => cast.poster.post('/v1/tasks', 'x'.repeat(7 * 1024 * 1024))],
  ];
  it.each(cases)('%s', async (code, status, send) => {
    const reply = await send();
    expect(reply.status, reply.text).toBe(status);
    expect(reply.body.code).toBe(code);
    expect(validate(document.components.schemas.ErrorResponse, reply.body)).toEqual([]);
    const shownSomewhere = operations().some(
      ([, , { responses }]) => responses[status]?.content['application/json'].examples[code] !== undefined,
    );
    expect(shownSomewhere || code === 'method_not_allowed').toBe(true);
  });
});

describe('/v1/capabilities', () => {
  it('lists every endpoint, and how to begin', async () => {
    const { body } = await market.request({ method: 'GET', url: '/v1/capabilities', headers: { accept: '*/*' } });
    expect(body.endpoints).toHaveLength(operations().length);
    expect(body.quick_start[0]).toBe('POST /v1/register');
    expect(body.quick_start.at(-1)).toBe('POST /v1/tasks/{id}/deliver');
    expect(body).toMatchObject({
      docs_url: 'https://market.example/docs',
      openapi_url: 'https://market.example/openapi.json',
    });
  });
});
