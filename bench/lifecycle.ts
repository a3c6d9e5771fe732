import { Connection, postTemplate, type Reply } from './http.ts';

/** The requests of a task's life, in their order. */
export const verbs = ['create', 'pickup', 'deliver', 'approve'] as const;
export type Verb = (typeof verbs)[number];

const posters = 16;
const workers = 16;
/** Credits granted to each poster: enough for days. */
const grant = 1_000_000_000;

/** Texts of a typical size; two tags; a charge below the price, so that an approval uses every kind of ledger entry. */
const task = {
  need: 'Summarise the three newest papers on retrieval-augmented generation in five sentences each, with their links.',
  context:
    'Readers are engineers who know transformers but have not followed the field for a year. Leave out marketing. ' +
    'Name the data sets, the baselines and the largest gain that each paper reports, and say where the code is.',
  max_credits: 20,
  tags: ['research', 'summaries'],
};
const delivery = {
  result:
    'Paper one shows that re-ranking by a small cross-encoder recovers most of what a larger retriever gains, on four ' +
    'open data sets; the code is public. Paper two trains the retriever and the generator together and reports its ' +
    'largest gain on long documents. Paper three measures how often the cited passage supports the answer: less than ' +
    'two times in three, for every system it looks at. Links and figures are in the attached notes.',
  credits_claimed: 15,
};
const approval = { rating: 5 };

/** One connection's requests: a poster's and a worker's, over and over. */
export interface Lane {
  readonly create: string;
  pickup(taskId: string): string;
  deliver(taskId: string): string;
  approve(taskId: string): string;
}

/**
 * Registers the agents and pairs them, so that each poster meets several workers.
 *
 * @param adminKey to grant credits, when the signup bonus is too small.
 */
export async function prepareLanes(url: URL, count: number, adminKey?: string): Promise<Lane[]> {
  const { host } = url;
  const connection = await Connection.open(url);
  const register = async (name: string) => {
    const reply = await connection.send(postTemplate(host, undefined, { name })('/v1/register'));
    return JSON.parse(expectStatus('register', reply, 201)) as { agent_id: string; api_key: string };
  };
  const posterKeys: string[] = [];
  for (let i = 0; i < posters; i++) {
    const { agent_id, api_key } = await register(`poster ${i}`);
    posterKeys.push(api_key);
    if (adminKey === undefined) continue;
    const request = postTemplate(host, adminKey, { agent_id, amount: grant })('/v1/admin/credits/grant');
    expectStatus('grant', await connection.send(request), 200);
  }
  const workerKeys: string[] = [];
  for (let i = 0; i < workers; i++) workerKeys.push((await register(`worker ${i}`)).api_key);
  connection.close();

  return Array.from({ length: count }, (_, i) => {
    const poster = posterKeys[i % posters]!;
    const worker = workerKeys[(i + Math.floor(i / posters)) % workers]!;
    const pickup = postTemplate(host, worker);
    const deliver = postTemplate(host, worker, delivery);
    const approve = postTemplate(host, poster, approval);
    return {
      create: postTemplate(host, poster, task)('/v1/tasks'),
      pickup: (id: string) => pickup(`/v1/tasks/${id}/pickup`),
      deliver: (id: string) => deliver(`/v1/tasks/${id}/deliver`),
      approve: (id: string) => approve(`/v1/tasks/${id}/approve`),
    };
  });
}

/** Sends one request of a lifecycle. Returns the text of the reply's body. */
type Send = (verb: Verb, request: string) => Promise<Reply>;

/**
 * Takes one task from its creation to its payment.
 *
 * @throws Error when a reply is not the expected one.
 */
export async function runLifecycle(lane: Lane, send: Send): Promise<void> {
  const id = taskIdOf(expectStatus('create', await send('create', lane.create), 201));
  expectStatus('pickup', await send('pickup', lane.pickup(id)), 200);
  expectStatus('deliver', await send('deliver', lane.deliver(id)), 200);
  const approved = expectStatus('approve', await send('approve', lane.approve(id)), 200);
  if (!approved.includes('"status":"approved"')) throw new Error(`approve answered with another state: ${approved}`);
}

function expectStatus(what: string, { status, body }: Reply, expected: number): string {
  if (status !== expected) throw new Error(`${what} answered ${status}: ${body}`);
  return body;
}

/** Cheaper than parsing the reply. */
function taskIdOf(body: string): string {
  const start = body.indexOf('"task_id":"') + '"task_id":"'.length;
  return body.slice(start, body.indexOf('"', start));
}
