import { type AnyEndpoint, type EndpointName, endpointRows, endpoints, limits } from '@pinchwork/sdk/table';
import { reference } from '@pinchwork/sdk/reference';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { handlers } from '../../src/doors/handlers.ts';
import { openApiDocument } from '../../src/doors/http/openapi/document.ts';
import { sqlite } from '../support/engines.ts';
import { type Field, fieldsOf } from '../support/fields.ts';
import { Market } from '../support/market.ts';
import { assemble, type Cast, type ExampleName, exampleNames, examples, send, sendJson } from '../support/requests.ts';

const names = Object.keys(endpoints).sort();

describe('the table of endpoints', () => {
  it('gives each row its own name', () => {
    for (const [key, { name }] of Object.entries(endpoints)) expect(name).toBe(key);
  });

  it('has a handler, a text and an operation for every row, and no others', () => {
    const operations = Object.values(openApiDocument('https://market.example').paths as Record<string, object>)
      .flatMap((item) => Object.values(item) as { operationId: string }[])
      .map(({ operationId }) => operationId)
      .filter((id) => !id.startsWith('page_'));
    expect(Object.keys(handlers).sort()).toEqual(names);
    expect(Object.keys(reference).sort()).toEqual(names);
    expect(operations.sort()).toEqual(names);
  });

  it('gives each row a method of its own in the client', () => {
    const calls = endpointRows.map(({ call }) => call);
    expect(calls).toEqual([...new Set(calls)]);
    for (const call of calls) expect(call).toMatch(/^[a-z]+(\.[a-z][A-Za-z]+)?$/);
  });

  it('has the kind of every id in a path', () => {
    for (const { path, params } of endpointRows) {
      expect(Object.keys(params)).toEqual([...path.matchAll(/:(\w+)/g)].map(([, name]) => name));
    }
  });

  it('has an example for every further success with content', () => {
    for (const { name, others } of endpointRows) {
      const withContent = others.filter(({ status }) => status !== 204);
      expect(reference[name].others ?? [], name).toHaveLength(withContent.length);
      withContent.forEach((other, i) =>
        expect(other.reply.safeParse(reference[name].others![i]).success, name).toBe(true),
      );
    }
  });

  it('requires a scope exactly where it requires an agent key, except to rotate the key', () => {
    for (const { name, auth, method, scopes } of endpointRows) {
      // Every key may rotate itself.
      expect(scopes.length > 0, name).toBe(auth === 'agent' && name !== 'rotateKey');
      if (method === 'GET' && auth === 'agent') expect(scopes, name).toEqual([name === 'listKeys' ? 'manage' : 'read']);
      if (method !== 'GET') expect(scopes, name).not.toContain('read');
    }
  });

  it('gives each further success of an endpoint its own name', () => {
    for (const { name, others } of endpointRows) {
      const names = others.map((other) => other.name);
      expect(names, name).toEqual([...new Set(names)]);
    }
  });
});

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

const mayBeText = ({ type, enum: words, items, anyOf = [] }: JsonSchema): boolean =>
  (type === 'string' && words === undefined) || (items !== undefined && mayBeText(items)) || anyOf.some(mayBeText);

/** Every endpoint's line for people, made from its example. */
const lines: Record<EndpointName, string> = {
  register: 'Save your API key now: it is shown once and cannot be recovered.',
  showCapabilities: 'Pinchwork 0.2.0, 1 endpoint.',
  createTask: 'The task is posted.',
  listBoard: '1 task.',
  showBoardTask: 'You may pick it up: POST /v1/tasks/tk-XKn6PfEsdRzG/pickup.',
  listMyTasks: '1 task.',
  showTask: 'The task is claimed.',
  cancel: 'The task is cancelled; you have 20 credits back.',
  pickupNext:
    'The task is yours: send its result to POST /v1/tasks/tk-XKn6PfEsdRzG/deliver by 2026-01-16T10:30:00+00:00.',
  pickupBatch: '1 task.',
  pickup: 'The task is yours: send its result to POST /v1/tasks/tk-XKn6PfEsdRzG/deliver by 2026-01-16T10:30:00+00:00.',
  deliver: 'The task is delivered; you charge 20 credits.',
  heartbeat: 'The next heartbeat is due by 2026-01-15T11:00:00+00:00.',
  abandon: 'You have given the task up; it is posted.',
  decline: 'You have declined the task; it is not for you any more.',
  dispute: 'The task is disputed; your deposit is 2 credits. It is decided by 2026-01-16T10:30:00+00:00.',
  approve: 'The delivery is approved; it costs 20 credits.',
  reject: 'The delivery is rejected; the task is claimed.',
  listTaskDeliveries: '1 delivery.',
  rate: 'Your rating is saved: 5 of 5.',
  report: 'The report is open.',
  listQuestions: '1 question.',
  askQuestion: 'The question is posted.',
  answerQuestion: 'The question is answered.',
  listMessages: '1 message.',
  sendMessage: 'The message is sent.',
  showMe: 'You have 118 credits; your reputation is 4.5.',
  updateMe: 'Your profile is saved.',
  deleteMe: 'The agent ag-XKn6PfEn2GdY is deleted.',
  listKeys: 'You have 1 key.',
  createKey: 'Save the key ky-3fQ9sLw0ZbXk now: it is shown once and cannot be recovered.',
  revokeKey: 'The key ky-3fQ9sLw0ZbXk is revoked; it stops within a second.',
  rotateKey: 'Save the key ky-3fQ9sLw0ZbXk now: it takes the place of the one that you used.',
  showCredits: 'You have 118 credits; your open tasks hold 0.',
  showStats: 'You have earned 18 credits and spent 0.',
  listTrust: '1 trust score.',
  streamEvents: 'Event task_claimed.',
  listEvents: '1 event; read on with after=1.',
  listDeliveries: '1 delivery.',
  redeliver: 'The delivery is sent again.',
  testWebhook: 'The webhook took the test.',
  showMarket: '12 agents, 3 open tasks, 40 approved tasks.',
  showPrices: 'The median of 40 tasks is 20 credits.',
  streamMarket: 'Event task_posted.',
  listAgents: '1 agent.',
  showAgent: 'Rated 4.5 of 5 by 2 ratings; 1 task completed.',
  grantCredits: 'ag-XKn6PfEn2GdY is granted 50 credits.',
  showOverview: '2 agents; 1 open report.',
  listAgentsAsAdmin: '1 agent.',
  showAgentAsAdmin: 'ag-XKn6PfEn2GdY is active.',
  listTasksAsAdmin: '1 task.',
  showTaskAsAdmin: 'The task is delivered.',
  debitCredits: '30 credits of ag-XKn6PfEn2GdY are taken.',
  cancelTaskAsAdmin: 'The task is cancelled: 20 credits went back to its poster.',
  redactTask: 'The texts of the task are removed; it is cancelled.',
  suspendAgent: 'The agent is no longer suspended.',
  changeAgent: 'ag-XKn6PfEn2GdY has a new key, shown once; all its other keys stop within a second.',
  listInvites: '1 invite.',
  createInvite: 'Save the code of in-XKn6PfEsi7Wz now: it is shown once.',
  revokeInvite: 'The invite in-XKn6PfEsi7Wz is revoked.',
  audit: 'The books are right.',
  listReports: '1 report.',
  decideReport: 'The report is resolved.',
  listDisputes: '1 dispute.',
  showDispute: 'The dispute is open.',
  ruleDispute: 'The dispute is ruled; the poster pays 16 credits.',
  showAdminLog: '1 action.',
  health: 'The server is alive.',
  ready: 'The server is ready.',
};

describe('the line for people', () => {
  it.each(Object.keys(endpoints) as EndpointName[])('of %s says what it did', (name) => {
    const row: AnyEndpoint = endpoints[name];
    expect(row.line(reference[name].reply)).toBe(lines[name]);
  });

  it('of a webhook test says whether the test succeeded', () => {
    const { line } = endpoints.testWebhook;
    const reply = reference.testWebhook.reply as Parameters<typeof line>[0];
    const attempts = [{ at: 'now', status_code: 503, duration_ms: 4, error: 'The receiver answered 503' }];
    expect(line({ ...reply, status: 'dead', attempts })).toBe(
      'The webhook did not take the test: The receiver answered 503.',
    );
    expect(line({ ...reply, status: 'pending', attempts: [] })).toBe('The test is being sent.');
  });

  it('of other successes and of bare results is right, too', () => {
    const row: AnyEndpoint = endpoints.pickupNext;
    expect(row.others[0]!.line({})).toBe('There is nothing to pick up.');
    const agent = { ...reference.showAgent.reply, rating_count: 0, tasks_completed: 2 };
    expect((endpoints.showAgent as AnyEndpoint).line(agent)).toBe('Not rated yet; 2 tasks completed.');
    const audit = { ...reference.audit.reply, ok: false, broken: [{}, {}] };
    expect((endpoints.audit as AnyEndpoint).line(audit)).toBe('Something is wrong: 2 findings.');
  });

  /** The fields of a body that hold free text of the agent: not ids, not enum values. */
  function textsOf(body: z.ZodObject | undefined): string[] {
    if (body === undefined) return [];
    const { properties = {} } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
    return Object.entries(properties)
      .filter(([name, schema]) => !name.endsWith('_id') && mayBeText(schema as JsonSchema))
      .map(([name]) => name);
  }

  it("never holds an agent's text", () => {
    const texts = endpointRows.flatMap(({ body }) => textsOf(body));
    expect(texts).toEqual(expect.arrayContaining(['need', 'result', 'good_at', 'feedback', 'message', 'tags']));
    const hostile = (value: unknown, key = ''): unknown => {
      if (Array.isArray(value)) return value.map((each) => hostile(each, key));
      if (typeof value === 'object' && value !== null) {
        return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, hostile(field, name)]));
      }
      return typeof value === 'string' && texts.includes(key) ? 'HOSTILE' : value;
    };
    for (const row of endpointRows) {
      const examples = [...(reference[row.name].others ?? [])];
      const successes = row.others.map((other) => [other, other.status === 204 ? {} : examples.shift()] as const);
      for (const [success, example] of [[row, reference[row.name].reply] as const, ...successes]) {
        // The platform writes the `message` of these replies itself.
        const own = row.name === 'register' || row.name === 'suspendAgent';
        const said = { ...(hostile(example) as object), ...(own ? { message: 'Said by the platform' } : {}) };
        expect(success.line(said), row.name).not.toContain('HOSTILE');
      }
    }
  });
});

describe('the longest body of an endpoint', () => {
  let market: Market;
  let cast: Cast;
  beforeAll(async () => {
    market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    cast = await assemble(market);
  });
  afterAll(() => market.close());

  /** A text of `length` characters, each in its longest JSON spelling. */
  const escaped = (length: number) => `"${'\\ud83d\\ude00'.repeat(length)}"`;

  /** A body with every field at its maximum length. Fields outside `fieldsOf` are at most 200 characters long. */
  function longest(name: ExampleName): string {
    const { body } = endpoints[name] as { body: z.ZodObject };
    const known: Readonly<Record<string, Field>> = fieldsOf[name];
    const tags = JSON.stringify(Array(limits.tags).fill('𠀀'.repeat(limits.tagLength)));
    const fields = Object.keys(body.shape).map((field) => {
      const { kind, max = 200 } = (known[field] ?? { kind: 'text' }) as { kind: Field['kind']; max?: number };
      return `${JSON.stringify(field)}: ${kind === 'text' ? escaped(max) : kind === 'tags' ? tags : '999999999999'}`;
    });
    return `{${fields.join(', ')}}`;
  }

  it.each(exampleNames)('of %s lets every legal one through', (name) => {
    const { bodyBytes } = endpoints[name] as AnyEndpoint;
    expect(Buffer.byteLength(longest(name))).toBeLessThanOrEqual(bodyBytes);
    expect(bodyBytes).toBeLessThanOrEqual(limits.bodyBytes);
  });

  it('is 64 KiB where there is no long text, nor many short ones', () => {
    const long = endpointRows.filter(({ bodyBytes }) => bodyBytes > 64 * 1024).map(({ name }) => name);
    expect(long).toEqual(['register', 'createTask', 'deliver', 'reject', 'updateMe']);
  });

  it('is accepted at its maximum length', async () => {
    const payload = `{"need": ${escaped(limits.needLength)}, "context": ${escaped(limits.contextLength)}}`;
    const { status, text } = await send(market, await examples.createTask.aim(cast), payload, 'application/json');
    expect(status, text).toBe(201);
    const result = await sendJson(market, await examples.deliver.aim(cast), {
      result: '😀'.repeat(limits.resultLength),
    });
    expect(result.status).toBe(200);
  });
});
