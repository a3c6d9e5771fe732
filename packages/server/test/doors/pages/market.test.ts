import { tools } from '@pinchwork/sdk/mcp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

let market: Market;
let [poster, worker]: Agent[] = [];
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_INITIAL_CREDITS: '10000' });
  [poster, worker] = [
    await market.register('Petra Poster'),
    await market.register('Willi Worker', { good_at: 'sums' }),
  ];
});
afterAll(() => market.close());

const html = async (url: string) =>
  (await market.request({ method: 'GET', url, headers: { accept: 'text/html' } })).text;

/** The tasks that the list of open tasks shows, in its order. */
const listed = (text: string) =>
  [...text.matchAll(/<a href="\/human\/tasks\/(tk-\w+)"><bdi class="said two"/g)].map(([, id]) => id);
/** The way on from a page of a list. */
const nextOf = (text: string) => /href="([^"]*cursor=[^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');

describe('the list of open tasks', () => {
  it('leads to every open task, the newest first, by tags and by a search in what is public of them', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 23; i++) {
      market.clock.advance(1_000);
      const tags = i % 2 === 0 ? ['even', 'all'] : ['All'];
      const need = `Task number ${i} ${'x'.repeat(100)} hidden-ending`;
      ids.unshift(await postTask(poster!, { need, tags, max_credits: 1 }));
    }
    const follow = async (start: string) => {
      const found: (string | undefined)[] = [];
      let at: string | undefined = start;
      while (at !== undefined) {
        const text = await html(at);
        found.push(...listed(text));
        at = nextOf(text);
      }
      return found;
    };
    expect(await follow('/human')).toEqual(ids);
    expect(await follow('/human?tags=ALL')).toEqual(ids);
    expect(await follow('/human?tags=all,even')).toEqual(ids.filter((_, i) => (22 - i) % 2 === 0));
    expect(await follow('/human?search=NUMBER+7')).toEqual([ids[15]]);
    expect(await follow('/human?search=even')).toHaveLength(12);
    expect(await follow('/human?search=hidden-ending')).toEqual([]);
    expect(await html('/human?cursor=odd')).toContain('is not a cursor of this list');
    for (const id of ids) await poster!.post(`/v1/tasks/${id}/cancel`);
    expect(await follow('/human')).toEqual([]);
  });
});

describe('where credits went', () => {
  it('adds up, and names no tag in which fewer than five agents took part', async () => {
    const other = await Market.fresh(sqlite, {
      PINCHWORK_INITIAL_CREDITS: '1000',
      PINCHWORK_PLATFORM_FEE_PERCENT: '10',
    });
    const agents: Agent[] = [];
    for (let i = 0; i < 6; i++) agents.push(await other.register(`agent ${i}`));
    const flow = async () => {
      other.clock.advance(60_000);
      return other.ctx.market.flow();
    };
    const none = { paid: 0, fee: 0, unspent: 0, returned: 0, held: 0 };
    const [one, two, three, four, five, six] = agents as [Agent, Agent, Agent, Agent, Agent, Agent];
    const done = await claimTask(one, two, { max_credits: 50, tags: ['big', 'second'] });
    await two.post(`/v1/tasks/${done}/deliver`, { result: 'Seven', credits_claimed: 40 });
    await one.post(`/v1/tasks/${done}/approve`);
    await postTask(three, { max_credits: 7, tags: ['BIG'] });
    const { rows, isPublic } = await flow();
    expect(isPublic).toBe(false);
    expect(rows).toEqual([{ tag: undefined, outcomes: { paid: 36, fee: 4, unspent: 10, returned: 0, held: 7 } }]);
    const cancelled = await postTask(four, { max_credits: 20, tags: ['big'] });
    await four.post(`/v1/tasks/${cancelled}/cancel`);
    await postTask(five, { max_credits: 1, tags: ['big'] });
    expect(await flow()).toMatchObject({
      rows: [{ tag: 'big', outcomes: { paid: 36, fee: 4, unspent: 10, returned: 20, held: 8 } }],
      others: 0,
      isPublic: true,
    });
    expect((await other.request({ method: 'GET', url: '/human' })).text).toContain(
      'Where the credits of the last 24 hours went',
    );
    // One agent alone with a tag: it would be the only one among the others.
    await postTask(six, { max_credits: 3, tags: ['small'] });
    const hidden = await flow();
    expect(hidden.rows).toEqual([
      { tag: undefined, outcomes: { ...none, paid: 36, fee: 4, unspent: 10, returned: 20, held: 11 } },
    ]);
    other.clock.advance(25 * 60 * 60_000);
    expect((await flow()).rows).toEqual([]);
  });
});

describe('the page of a task', () => {
  it('names its poster while any agent may take it, and nobody after that', async () => {
    const posted = await postTask(poster!, { max_credits: 20, need: 'Take me', deadline_minutes: 60 });
    const text = await html(`/human/tasks/${posted}`);
    for (const part of ['Petra Poster', 'Take me', `pinchwork tasks pickup ${posted}`, 'data-count="exact"']) {
      expect(text).toContain(part);
    }
    expect(tools.map(({ name }) => name)).toContain(/(\w+) \{(?:"|&quot;)task_id/.exec(text)?.[1]);
    const chosen = await postTask(poster!, { max_credits: 1, for_agents: [worker!.id] });
    const others = [chosen, await claimTask(poster!, worker!), await deliverTask(poster!, worker!)];
    const approved = await deliverTask(poster!, worker!);
    await poster!.post(`/v1/tasks/${approved}/approve`);
    for (const id of [...others, approved]) {
      const shown = await html(`/human/tasks/${id}`);
      expect(shown, id).not.toMatch(/Petra|Willi|ag-\w{12}/);
    }
  });

  it('says how each state began and how long it lasted', async () => {
    const id = await claimTask(poster!, worker!, { max_credits: 1 });
    market.clock.advance(64_000);
    await worker!.post(`/v1/tasks/${id}/abandon`);
    const text = await html(`/human/tasks/${id}`);
    expect(text).toContain('the worker gave it back');
    expect(text).toContain('for 1 min 4 s');
    expect(text).toMatch(/aria-label="(posted for [^"]*, )?claimed for 1 min 4 s/);
  });
});

describe('the pages of agents', () => {
  it('show what the public profile has, and when the agent worked, but nothing that it earned', async () => {
    const task = await deliverTask(poster!, worker!, { max_credits: 7_777, tags: ['sums'] });
    await poster!.post(`/v1/tasks/${task}/approve`, { rating: 4 });
    const text = await html(`/human/agents/${worker!.id}`);
    for (const part of ['Willi Worker', '4.00', '1 rating by 1 agent', `--for ${worker!.id}`])
      expect(text).toContain(part);
    expect(text).toMatch(/aria-label="Tasks finished per day in 12 weeks: \d tasks? on 1 day/);
    expect(text).not.toMatch(/7,?777|6,?999/);
    const list = await html('/human/agents?search=willi');
    expect(list).toContain(`/human/agents/${worker!.id}`);
    expect(list).not.toContain(poster!.id);
    expect(await html('/human/agents?tags=sums')).toContain(worker!.id);
    expect(await html('/human/agents/ag-000000000000')).toContain('There is no agent with this id');
  });
});

describe('errors', () => {
  it('are pages for browsers, and keep the shape of the contract for programs', async () => {
    const get = async (url: string, accept: string) => market.request({ method: 'GET', url, headers: { accept } });
    const page = await get('/nowhere', 'text/html,application/xhtml+xml,*/*;q=0.8');
    expect(page.status).toBe(404);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.text).toContain('This address leads nowhere');
    expect(page.text).toContain(String(page.headers['x-request-id']));
    for (const [url, accept] of [
      ['/nowhere', 'application/json'],
      ['/nowhere', '*/*'],
      ['/v1/nowhere', 'text/html'],
      ['/.well-known/nothing', 'text/html'],
    ] as const) {
      expect((await get(url, accept)).text, `${url} ${accept}`).not.toContain('<!doctype');
    }
  });

  it('show the request as a command in which its address is one word, and lead to no other host', async () => {
    expect(await html(`/x;reboot'$(reboot)`)).toMatch(/\n {2}'http:\/\/[\w.:]+\/x;reboot%27\$\(reboot\)'\n/);
    const limited = await Market.fresh(sqlite, { PINCHWORK_RATE_LIMIT_READ: '1/hour' });
    const read = async () =>
      limited.request({ method: 'GET', url: '//evil.example/x', headers: { accept: 'text/html' } });
    await read();
    const { status, text } = await read();
    expect(status).toBe(429);
    expect(text).toMatch(/<a class="btn primary" href="http:\/\/[\w.:]+\/\/evil\.example\/x">\s*Try again/);
  });
});

describe('a page', () => {
  it('is compressed for those who take it, and its files have names that change with them', async () => {
    const get = async (url: string, encoding: string) =>
      market.app.inject({ method: 'GET', url, headers: { accept: 'text/html', 'accept-encoding': encoding } });
    const plain = await get('/human', 'identity');
    for (const [encoding, sent] of [
      ['gzip, deflate, br', 'br'],
      ['gzip', 'gzip'],
      ['br;q=0, gzip;q=0.5', 'gzip'],
      ['', undefined],
    ] as const) {
      const { headers, rawPayload } = await get('/human', encoding);
      expect(headers['content-encoding'], encoding).toBe(sent);
      if (sent !== undefined) expect(rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    }
    const files = [...plain.payload.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(files).toHaveLength(2);
    for (const path of files) {
      expect(path).toMatch(/-[\w-]{12}\.(css|js)$/);
      const { headers, statusCode } = await get(path, 'br');
      expect([statusCode, headers['content-encoding'], headers['cache-control']]).toEqual([
        200,
        'br',
        'public, max-age=31536000, immutable',
      ]);
    }
    expect((await get('/assets/nothing.css', '')).statusCode).toBe(404);
    expect((await get('/assets/..%2fpages.js', '')).statusCode).toBe(404);
  });
});
