import { documentRows, type EndpointName, endpointRows, endpoints, shownLine, shownPath } from '@pinchwork/sdk/table';
import { at } from '../../ground/present.ts';

/** Hints for requests to an unknown path, or with a method that the path does not have. */

/** Endpoints by the words that clients use for them: for a path with a task id, and for one without. */
interface Meaning {
  readonly words: string;
  readonly withId?: EndpointName;
  readonly without?: EndpointName;
}

const meanings: readonly Meaning[] = [
  { words: 'pickup claim take grab accept assign start next', withId: 'pickup', without: 'pickupNext' },
  { words: 'batch', without: 'pickupBatch' },
  { words: 'deliver delivery submit submission complete finish done result results', withId: 'deliver' },
  { words: 'abandon release unclaim return giveup drop', withId: 'abandon' },
  { words: 'cancel delete remove close', withId: 'cancel' },
  { words: 'approve confirm pay', withId: 'approve' },
  { words: 'reject refuse', withId: 'reject' },
  { words: 'rate rating ratings review', withId: 'rate' },
  { words: 'report flag', withId: 'report' },
  { words: 'question questions ask', withId: 'askQuestion' },
  { words: 'answer answers', withId: 'answerQuestion' },
  { words: 'message messages chat comment comments', withId: 'sendMessage' },
  { words: 'status', withId: 'showTask', without: 'health' },
  { words: 'create post new publish add', without: 'createTask' },
  { words: 'available open browse board search find list jobs', without: 'listBoard' },
  { words: 'mine my posted claimed', without: 'listMyTasks' },
  { words: 'register registration signup join login auth token apikey key', without: 'register' },
  { words: 'me profile account whoami self', withId: 'showAgent', without: 'showMe' },
  { words: 'balance wallet credits credit ledger transactions', withId: 'showMe', without: 'showCredits' },
  { words: 'stats statistics', without: 'showStats' },
  { words: 'trust', without: 'listTrust' },
  { words: 'events stream sse notifications', without: 'streamEvents' },
  { words: 'history', without: 'listEvents' },
  { words: 'webhook webhooks deliveries', without: 'listDeliveries' },
  { words: 'agents agent directory users workers', withId: 'showAgent', without: 'listAgents' },
  { words: 'health healthz ping alive livez', without: 'health' },
  { words: 'ready readyz readiness', without: 'ready' },
  { words: 'capabilities endpoints api v1', without: 'showCapabilities' },
  { words: 'keys apikeys', without: 'listKeys' },
  { words: 'rotate', without: 'rotateKey' },
  { words: 'grant', without: 'grantCredits' },
  { words: 'debit', without: 'debitCredits' },
  { words: 'redact', withId: 'redactTask' },
  { words: 'overview', without: 'showOverview' },
  { words: 'invite invites', without: 'listInvites' },
  { words: 'suspend ban', without: 'suspendAgent' },
  { words: 'audit', without: 'audit' },
];

const byWord = new Map(meanings.flatMap((meaning) => meaning.words.split(' ').map((word) => [word, meaning] as const)));

/** Documents by the words for them. */
const documentsByWord = new Map([
  ...['help', 'guide', 'readme', 'readme.md', 'skill', 'agents.md'].map((word) => [word, '/skill.md'] as const),
  ...['swagger', 'redoc', 'api-docs'].map((word) => [word, '/docs'] as const),
  ...['openapi', 'openapi.yaml', 'swagger.json'].map((word) => [word, '/openapi.json'] as const),
  ['llms-full.txt', '/llms.txt'],
  ...['install', 'cli'].map((word) => [word, '/install.sh'] as const),
  ['dashboard', '/human'],
]);

/** Endpoints for tasks, by the methods that other services use for the same action. */
const otherWays: Readonly<Record<string, string>> = {
  'GET tasks': `${shownLine(endpoints.listBoard)} lists the open tasks, ${shownLine(endpoints.listMyTasks)} your own.`,
  'DELETE tasks/{id}': `${shownLine(endpoints.cancel)} takes a posted task back; ${shownLine(endpoints.abandon)} gives a claim up.`,
  'PATCH tasks/{id}': `A task can't be changed: ${shownLine(endpoints.cancel)} takes it back, then post another one.`,
  'PUT tasks/{id}': `A task can't be changed: ${shownLine(endpoints.cancel)} takes it back, then post another one.`,
  'POST tasks/{id}': `${shownLine(endpoints.pickup)} claims the task, ${shownLine(endpoints.deliver)} delivers it.`,
  'PUT me': `Did you mean ${shownLine(endpoints.updateMe)}?`,
  'POST me': `Did you mean ${shownLine(endpoints.updateMe)}?`,
};

const longestPath = 200;

/** The calls of each path, in lower case and without `/v1`: `tasks/{id}/pickup`. */
const byPath = new Map<string, { readonly method: string; readonly path: string }[]>();
for (const row of [...documentRows.map(({ path }) => ({ method: 'GET', path })), ...endpointRows]) {
  const key = keyOf(shownPath(row.path));
  byPath.set(key, [...(byPath.get(key) ?? []), row]);
}

function keyOf(path: string): string {
  const segments = path
    .slice(0, longestPath)
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => (/^(?:\{.*\}|:\w+|[a-z]{2,3}-[0-9a-z]{12})$/.test(segment) ? '{id}' : segment));
  while (segments.length > 1 && (segments[0] === 'api' || /^v\d+$/.test(at(segments, 0)))) segments.shift();
  return segments.join('/');
}

const everything = `${shownLine(endpoints.showCapabilities)} lists all calls, GET /skill.md explains them.`;

/** A hint for an unknown path: the endpoint that it resembles, or the list of all endpoints. */
export const hintForPath = (method: string, path: string): string =>
  likelyCall(method, path) ?? `${everything} Paths are in lower case, without a slash at the end.`;

/** A hint for a method that a path does not have; undefined if the list of its methods is enough. */
export function hintForMethod(method: string, path: string): string | undefined {
  const key = keyOf(path);
  const other = otherWays[`${method} ${key}`];
  if (other !== undefined) return other;
  // The path is a variant spelling of another endpoint's path, or a word was taken for an id.
  const isOwn = byPath.get(key)?.some((call) => shownPath(call.path) === path);
  return isOwn === true ? undefined : likelyCall(method, path);
}

function likelyCall(method: string, path: string): string | undefined {
  const key = keyOf(path);
  const other = otherWays[`${method} ${key}`];
  if (other !== undefined) return other;
  const known = byPath.get(key);
  if (known !== undefined) return asked(known.find((call) => call.method === method) ?? at(known, 0));
  const segments = key.split('/');
  for (const word of segments.toReversed()) {
    const document = documentsByWord.get(word);
    if (document !== undefined) return asked({ method: 'GET', path: document });
    const meaning = byWord.get(word.replace(/[-_]/g, ''));
    const name = segments.includes('{id}') ? meaning?.withId : (meaning?.without ?? meaning?.withId);
    if (name !== undefined) return asked(endpoints[name]);
  }
  if (segments.includes('tasks') || segments.includes('task'))
    return asked(endpoints[method === 'GET' ? 'listBoard' : 'createTask']);
  return undefined;
}

const asked = (call: { readonly method: string; readonly path: string }) =>
  `Did you mean ${call.method} ${shownPath(call.path)}? ${everything}`;
