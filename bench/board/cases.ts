import { expectStatus, fieldsOf, taskIdOf } from '../http.ts';
import { samples } from './language.ts';
import type { Requests, TimedReply } from './requests.ts';
import type { Speaker, World } from './world.ts';

/**
 * The target of a request: a `quick` one takes as long on every board; a `thorough` one may scan many rows, but must
 * not delay other requests.
 */
export type Kind = 'quick' | 'thorough';

export interface Case {
  readonly name: string;
  readonly kind: Kind;
  /** Sends the request that is measured, then leaves the board as it was. */
  run(requests: Requests): Promise<TimedReply>;
}

const one = (name: string, kind: Kind, run: Case['run']): Case => ({ name, kind, run });

/** A task of the usual size, about something different each time. */
function newTask(i: number): object {
  const words = ['kane', 'rito', 'sumi', 'kari', 'labo', 'vide', samples.commonWord];
  return {
    need: Array.from({ length: 20 }, (_, j) => words[(i * 7 + j * j) % words.length]! + (j % 3 === 0 ? 'ka' : '')).join(
      ' ',
    ),
    max_credits: 1,
    tags: [samples.commonTag, samples.rareTag],
  };
}

function claimNext(name: string, kind: Kind, agent: Speaker, tags: readonly string[] = []): Case {
  const query = tags.length === 0 ? '' : `?tags=${tags.join()}`;
  return one(`claim-next, ${name}`, kind, async (requests) => {
    const reply = expectStatus(await requests.post(`/v1/tasks/pickup${query}`, agent), 200, 204);
    if (reply.status === 200) expectStatus(await requests.post(`/v1/tasks/${taskIdOf(reply)}/abandon`, agent), 200);
    return reply;
  });
}

const get = (name: string, kind: Kind, path: string, agent?: Speaker): Case =>
  one(name, kind, async (requests) => expectStatus(await requests.get(path, agent), 200));

function search(path: string, what: string, agent?: Speaker): Case[] {
  const words = {
    'common word': samples.commonWord,
    'rare word': samples.rareWord,
    'long word': samples.longWord,
    'one character': samples.letter,
    'absent character': samples.absentLetter,
    'absent word': samples.absentWord,
  };
  return Object.entries(words).map(([name, word]) =>
    get(`search ${what}, ${name}`, name === 'common word' ? 'quick' : 'thorough', `${path}?search=${word}`, agent),
  );
}

function create(name: string, poster: Speaker): Case {
  let count = 0;
  return one(`create, ${name}`, 'quick', async (requests) => {
    const reply = expectStatus(await requests.post('/v1/tasks', poster, newTask(count++)), 201);
    expectStatus(await requests.post(`/v1/tasks/${taskIdOf(reply)}/cancel`, poster), 200);
    return reply;
  });
}

/** The requests of a market in which no agent accepts system tasks. */
export async function ordinaryCases({ agents }: World, requests: Requests): Promise<Case[]> {
  const { plain, tagged, matched, popular, owner, poster } = agents;
  const { commonTag, rareTag, absentTag, neverMeeting } = samples;
  const browse = '/v1/tasks/available';
  const farPage = async (agent: Speaker) => `${browse}?cursor=${await cursorOfPage(requests, agent, 50)}`;
  return [
    claimNext('no tags', 'quick', plain),
    claimNext('with capability tags', 'quick', tagged),
    claimNext('chosen for 20 tasks', 'quick', matched),
    claimNext('chosen for a hundredth of all', 'quick', popular),
    claimNext('owns the oldest 5,000', 'quick', owner),
    claimNext('common tag', 'quick', plain, [commonTag]),
    claimNext('common tag, with capability tags', 'quick', tagged, [commonTag]),
    claimNext('rare tag', 'quick', plain, [rareTag]),
    claimNext('absent tag', 'quick', plain, [absentTag]),
    claimNext('two tags that never meet', 'thorough', plain, neverMeeting),
    get('browse, first page', 'quick', browse, plain),
    get('browse, first page, with capability tags', 'quick', browse, tagged),
    get('browse, first page, chosen for very many', 'quick', browse, popular),
    get('browse, 50th page by cursor', 'quick', await farPage(plain), plain),
    get('browse, 50th page by offset, with tags', 'quick', `${browse}?offset=980`, tagged),
    get('browse, common tag', 'quick', `${browse}?tags=${commonTag}`, plain),
    get('browse, two tags that never meet', 'thorough', `${browse}?tags=${neverMeeting.join()}`, plain),
    ...search(browse, 'tasks', plain),
    ...search('/v1/agents', 'agents'),
    get('search agents, 500th page by offset', 'thorough', `/v1/agents?search=${samples.letter}&offset=9980`),
    create('built-in matching', poster),
  ];
}

/** The cursor of page number `page`, or of the last page. */
async function cursorOfPage(requests: Requests, agent: Speaker, page: number): Promise<string> {
  let cursor = '';
  for (let i = 1; i < page; i++) {
    const reply = await requests.get(`/v1/tasks/available${cursor === '' ? '' : `?cursor=${cursor}`}`, agent);
    const next = fieldsOf(expectStatus(reply, 200)).next_cursor;
    if (next === null) break;
    cursor = next as string;
  }
  return cursor;
}

/** The requests that cost more when an agent accepts system tasks. */
export function helpedCases({ agents: { poster, verified } }: World): Case[] {
  return [
    create('agents asked to match', poster),
    one('deliver, with a verification', 'quick', async (requests) => {
      const id = taskIdOf(expectStatus(await requests.post('/v1/tasks', poster, newTask(0)), 201));
      expectStatus(await requests.post(`/v1/tasks/${id}/pickup`, verified), 200);
      const reply = expectStatus(await requests.post(`/v1/tasks/${id}/deliver`, verified, { result: 'Done' }), 200);
      expectStatus(await requests.post(`/v1/tasks/${id}/approve`, poster), 200);
      return reply;
    }),
  ];
}
