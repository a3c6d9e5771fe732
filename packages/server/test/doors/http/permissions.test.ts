import { readFileSync } from 'node:fs';
import { type Endpoint, endpoints, type TaskStatus, taskStatuses } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { adminKey, type Agent, deadWebhook, makeDelivery, Market, postTask } from '../../support/market.ts';

/**
 * The table routes × roles × states, as in docs/permissions.md: every cell is tried. A route of the contract that
 * has no cells there fails.
 */
const page = readFileSync(new URL('../../../../../docs/permissions.md', import.meta.url), 'utf8');

const roles = ['none', 'wrong key', 'stranger', 'poster', 'worker', 'suspended', 'read alone', 'admin'] as const;
type Role = (typeof roles)[number];
type EndpointName = keyof typeof endpoints;

/** The page's rows: the route, the task's state (none where a route is not about a task), and a status per role. */
interface Row {
  readonly route: string;
  readonly state: TaskStatus | undefined;
  readonly cells: ReadonlyMap<Role, number>;
}

function readRows(): Row[] {
  const rows: Row[] = [];
  let route = '';
  let columns: string[] = [];
  for (const line of page.split('\n')) {
    const cells = line.startsWith('|')
      ? line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim())
      : [];
    if (cells.length === 0 || cells[0]!.startsWith('---')) continue;
    if (cells[1] === 'none') {
      columns = cells;
      route = cells[0]!;
      continue;
    }
    const [first, ...statuses] = cells as [string, ...string[]];
    const isState = (taskStatuses as readonly string[]).includes(first);
    rows.push({
      route: isState ? route : first,
      state: isState ? (first as TaskStatus) : undefined,
      cells: new Map(statuses.map((status, i) => [columns[i + 1] as Role, Number(status)])),
    });
  }
  return rows;
}

const rows = readRows();
const routeOf = ({ method, path }: Endpoint) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`;
const isAboutTask = ({ auth, params }: Endpoint) =>
  auth === 'agent' && (params as Record<string, unknown>).id === 'task';

interface Cast {
  readonly market: Market;
  readonly agents: Readonly<Record<Exclude<Role, 'none' | 'wrong key' | 'read alone' | 'admin'>, Agent>>;
  /** A key of the poster with only the scope `read`. */
  readonly readAlone: string;
  /** Creates the questions, reports and other rows that a route acts on. */
  readonly asker: Agent;
}

async function assemble(market: Market): Promise<Cast> {
  const agents = {
    stranger: await market.register('stranger', { webhook_url: deadWebhook }),
    poster: await market.register('poster', { webhook_url: deadWebhook }),
    worker: await market.register('worker', { webhook_url: deadWebhook }),
    suspended: await market.register('suspended', { webhook_url: deadWebhook }),
  };
  const asker = await market.register('asker');
  for (const { id } of [...Object.values(agents), asker]) {
    await market.admin.post('/v1/admin/credits/grant', { agent_id: id, amount: 1_000_000 });
  }
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: agents.suspended.id, suspended: true });
  const { body } = await agents.poster.post('/v1/me/keys', { name: 'reader', scopes: ['read'] });
  return { market, agents, asker, readAlone: body.api_key };
}

/** Rejects a delivery and disputes the rejection. @returns the id of the dispute. */
async function dispute(poster: Agent, worker: Agent, id: string): Promise<string> {
  await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
  return (await worker.post(`/v1/tasks/${id}/dispute`, { reason: 'It is right' })).body.dispute_id;
}

/** A task in a state, with an unanswered question. The worker has or had a claim on it. */
async function bring({ market, agents: { poster, worker }, asker }: Cast, state: TaskStatus) {
  const id = await postTask(poster);
  const question: string = (await asker.post(`/v1/tasks/${id}/questions`, { question: 'Why?' })).body.id;
  await worker.post(`/v1/tasks/${id}/pickup`);
  const isDelivered = state === 'delivered' || state === 'approved' || state === 'disputed';
  if (isDelivered) await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Four' });
  else if (state !== 'claimed') await worker.post(`/v1/tasks/${id}/abandon`);
  if (state === 'approved') await poster.post(`/v1/tasks/${id}/approve`);
  if (state === 'disputed') await dispute(poster, worker, id);
  if (state === 'cancelled') await poster.post(`/v1/tasks/${id}/cancel`);
  if (state === 'expired') await market.pass(73 * hourMs);
  expect((await poster.get(`/v1/tasks/${id}`)).body.status).toBe(state);
  return { id, question };
}

/** A body that each route takes. A route that is missing here does not compile. */
const bodies: Record<EndpointName, object | undefined> = {
  register: { name: 'somebody' },
  createTask: { need: 'Add 2 and 2', max_credits: 1 },
  listBoard: undefined,
  showBoardTask: undefined,
  listMyTasks: undefined,
  showTask: undefined,
  pickupNext: {},
  pickupBatch: {},
  pickup: {},
  deliver: { result: 'Four' },
  approve: { rating: 5 },
  reject: { reason: 'Wrong' },
  cancel: {},
  heartbeat: { progress: 50 },
  abandon: {},
  decline: {},
  dispute: { reason: 'It is right' },
  listTaskDeliveries: undefined,
  rate: { rating: 5 },
  report: { reason: 'Spam' },
  listQuestions: undefined,
  askQuestion: { question: 'In base ten?' },
  answerQuestion: { answer: 'Yes' },
  listMessages: undefined,
  sendMessage: { message: 'Nearly done' },
  showMe: undefined,
  updateMe: {},
  deleteMe: undefined,
  listKeys: undefined,
  createKey: { name: 'another' },
  revokeKey: undefined,
  // The keys go on working for the tests after this one.
  rotateKey: { overlap_minutes: 1_440 },
  showStats: undefined,
  listTrust: undefined,
  showCredits: undefined,
  streamEvents: undefined,
  listEvents: undefined,
  listDeliveries: undefined,
  redeliver: {},
  testWebhook: {},
  showMarket: undefined,
  showPrices: undefined,
  streamMarket: undefined,
  listAgents: undefined,
  showAgent: undefined,
  showCapabilities: undefined,
  grantCredits: { agent_id: '{agent}', amount: 1 },
  showOverview: undefined,
  listAgentsAsAdmin: undefined,
  showAgentAsAdmin: undefined,
  listTasksAsAdmin: undefined,
  showTaskAsAdmin: undefined,
  debitCredits: { agent_id: '{agent}', amount: 1 },
  cancelTaskAsAdmin: { reason: 'Spam' },
  redactTask: { reason: 'Spam' },
  suspendAgent: { agent_id: '{agent}', suspended: false },
  changeAgent: { judges_disputes: true },
  listInvites: undefined,
  createInvite: {},
  revokeInvite: undefined,
  audit: undefined,
  listReports: undefined,
  decideReport: { status: 'resolved' },
  listDisputes: undefined,
  showDispute: undefined,
  ruleDispute: { worker_share: 80 },
  showAdminLog: undefined,
  health: undefined,
  ready: undefined,
};

/** Creates the rows that a route acts on and fills in its path. */
async function aim(cast: Cast, name: EndpointName, state: TaskStatus | undefined): Promise<string> {
  const { path } = endpoints[name];
  if (state !== undefined) {
    const { id, question } = await bring(cast, state);
    return path.replace(':id', id).replace(':question_id', question);
  }
  if (name === 'redeliver') return path.replace(':id', await makeDelivery(cast.agents.poster, cast.asker));
  if (name === 'showAgent' || path === '/v1/admin/agents/:id') return path.replace(':id', cast.asker.id);
  if (name === 'showPrices') return `${path}?tags=colours`;
  if (name === 'deleteMe') {
    await postTask(cast.agents.poster);
    return `${path}?confirm=${cast.agents.poster.id}`;
  }
  if (name === 'revokeKey') {
    return path.replace(':id', (await cast.agents.poster.post('/v1/me/keys', { name: 'spare' })).body.key_id);
  }
  if (name === 'revokeInvite') {
    return path.replace(':id', (await cast.market.admin.post('/v1/admin/invites')).body.invite_id);
  }
  if (path.startsWith('/v1/admin/disputes/:id')) {
    const task = await postTask(cast.asker);
    await cast.agents.worker.post(`/v1/tasks/${task}/pickup`);
    await cast.agents.worker.post(`/v1/tasks/${task}/deliver`, { result: 'Four' });
    return path.replace(':id', await dispute(cast.asker, cast.agents.worker, task));
  }
  const task = await postTask(cast.asker, { max_credits: 1 });
  if (path.startsWith('/v1/admin/tasks/:id')) return path.replace(':id', task);
  if (name !== 'decideReport') return path;
  const { body } = await cast.asker.post(`/v1/tasks/${task}/report`, { reason: 'Spam' });
  return path.replace(':id', body.report_id);
}

function authorization({ agents, readAlone }: Cast, role: Role): Record<string, string> {
  if (role === 'none') return {};
  const others = { admin: adminKey, 'wrong key': 'pwk-wrong', 'read alone': readAlone };
  const key = role in others ? others[role as keyof typeof others] : agents[role as keyof typeof agents].key;
  return { authorization: `Bearer ${key}` };
}

/** Sends one request to a route in a role. @returns its status. */
async function statusOf(cast: Cast, name: EndpointName, role: Role, url: string): Promise<number> {
  if ((endpoints[name] as Endpoint).isStream) return statusOfStream(cast, role, url);
  const body = bodies[name];
  const { status } = await cast.market.request({
    method: endpoints[name].method,
    url,
    headers: { ...authorization(cast, role), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { payload: JSON.stringify(body).replace('{agent}', cast.asker.id) }),
  });
  return status;
}

/** Reads only the status of a stream, then closes it. */
async function statusOfStream(cast: Cast, role: Role, url: string): Promise<number> {
  const headers = authorization(cast, role);
  const reply = await cast.market.app.inject({ url, headers, payloadAsStream: true });
  reply.stream().destroy();
  return reply.statusCode;
}

/** Tries a route in all roles. A request that succeeds changes its row, so the next role gets a new one. */
async function tryRoute(cast: Cast, name: EndpointName, state: TaskStatus | undefined): Promise<Map<Role, number>> {
  const found = new Map<Role, number>();
  let url = await aim(cast, name, state);
  for (const role of roles) {
    const status = await statusOf(cast, name, role, url);
    found.set(role, status);
    if (status < 300 && endpoints[name].method !== 'GET') url = await aim(cast, name, state);
  }
  return found;
}

it('every route of the contract has its cells', () => {
  const expected = Object.values<Endpoint>(endpoints).flatMap((endpoint) =>
    isAboutTask(endpoint) ? taskStatuses.map((state) => `${routeOf(endpoint)} ${state}`) : [routeOf(endpoint)],
  );
  const told = rows.map(({ route, state }) => (state === undefined ? route : `${route} ${state}`));
  expect(told.sort()).toEqual(expected.sort());
  for (const { route, cells } of rows) expect([...cells.keys()], route).toEqual(roles);
});

onBothEngines('a request is answered as docs/permissions.md says', (engine) => {
  let cast: Cast;
  beforeAll(async () => {
    cast = await assemble(await Market.shared(engine));
  });
  afterAll(() => cast.market.close());

  describe.each(Object.keys(endpoints) as EndpointName[])('%s', (name) => {
    const route = routeOf(endpoints[name]);
    it.each(rows.filter((row) => row.route === route))('$state', async ({ state, cells }) => {
      expect(Object.fromEntries(await tryRoute(cast, name, state))).toEqual(Object.fromEntries(cells));
    });
  });
});
