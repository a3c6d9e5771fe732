import { PinchworkError } from '@pinchwork/sdk';
import { beforeAll, describe, expect, it } from 'vitest';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { exitCodes } from '../src/exit-codes.ts';
import { OutputClosed } from '../src/io.ts';
import { toldOf } from '../src/output/failures.ts';
import { spinning } from '../src/output/spinner.ts';
import { column, drawTable } from '../src/output/table.ts';
import { fit, safeJson, safeText, widthOf } from '../src/output/text.ts';
import { plain } from '../src/output/style.ts';
import { age } from '../src/output/time.ts';
import { run } from '../src/run.ts';
import { shell } from './support/cli.ts';

const live = liveMarket();
const user = shell();
/** Moves the cursor, rings, sets the title, turns the direction around, hides. */
const hostile =
  'A\u001b[2J\u0007\u009b31m\u001b]0;owned\u0007\u202egnp.exe\u2066\u200b\ud83d\udc69\u200d\ud83d\udcbb漢字 e\u0301';
const acting = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b]/u;

let id: string;
beforeAll(async () => {
  user.env.PINCHWORK_SERVER = live.url;
  const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
  user.env.PINCHWORK_API_KEY = worker.key;
  id = (await poster.tasks.create({ need: `${hostile}\n`.repeat(9), tags: ['hostile'], max_credits: 3 })).task_id;
});

const escape = '\u001b';
const withoutColours = (text: string) => text.replaceAll(new RegExp(`${escape}\\[\\d+m`, 'g'), '');

describe('what strangers write', () => {
  it.each(['', '-o json', '-o jsonl', '-o yaml', '--jq .[].need', '--json need'])(
    'does not act on a terminal with "%s"',
    async (flags) => {
      const out = withoutColours(await user.ok(`tasks list ${flags}`, { columns: 200 }));
      expect(out).toContain('漢字');
      expect(out).not.toMatch(acting);
    },
  );

  it('is the same for programs, byte for byte', async () => {
    const need = `${hostile}\n`.repeat(9);
    expect(JSON.parse(await user.ok('tasks list -o json')).tasks[0].need).toBe(need);
    expect(await user.ok(`tasks show ${id} --jq .need`)).toBe(`${need}\n`);
  });

  it('keeps what emoji and accents are made of', () => {
    expect(safeText('\ud83d\udc69\u200d\ud83d\udcbb e\u0301')).toBe('\ud83d\udc69\u200d\ud83d\udcbb e\u0301');
    expect(JSON.parse(safeJson(JSON.stringify(hostile)))).toBe(hostile);
  });
});

describe('a table', () => {
  const rows = [
    { id: 'tk-AbCdEfGh1234', text: '漢字かな '.repeat(30) },
    { id: 'tk-AbCdEfGh1235', text: 'short' },
  ];
  type Row = (typeof rows)[0];
  const columns = [
    column.id('TASK', ({ id }: Row) => id),
    column.text('TEXT', ({ text }: Row) => text),
    column.text('AGAIN', ({ text }: Row) => text),
  ];

  it.each([200, 120, 80, 60, 45, 30, 10])('fits a terminal of %i columns, and no id is cut', (width) => {
    const lines = drawTable(rows, columns, { columns: width, style: plain, nowMs: 0 }).split('\n');
    // An id with its heading takes 20 columns, also where there is no room for it.
    for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(Math.max(width, 20));
    for (const { id } of rows) expect(lines.join('\n')).toContain(id);
  });

  it('that is no terminal is not cut', () => {
    expect(drawTable(rows, columns, { columns: undefined, style: plain, nowMs: 0 })).toContain(
      '漢字かな '.repeat(30).trim(),
    );
  });

  it('is cut between graphemes, by their width', () => {
    const family = '\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67';
    expect([widthOf(family), widthOf('漢字'), widthOf('e\u0301'), widthOf('🇫🇷')]).toEqual([2, 4, 1, 2]);
    expect(fit(family.repeat(3), 5)).toBe(`${family.repeat(2)}…`);
    expect(fit('漢字漢字', 4)).toBe('漢…');
    expect(fit('abc', 3)).toBe('abc');
  });
});

it('colours are for terminals, and NO_COLOR turns them off', async () => {
  const coloured = new RegExp(`${escape}\\[`);
  expect(await user.ok('tasks list', { columns: 80 })).toMatch(coloured);
  expect(await user.ok('tasks list')).not.toMatch(coloured);
  expect(await user.ok('tasks list', { columns: 80, env: { NO_COLOR: '1' } })).not.toMatch(coloured);
  expect(await user.ok('tasks list', { columns: 80, env: { TERM: 'dumb' } })).not.toMatch(coloured);
  expect(await user.ok('tasks list', { env: { FORCE_COLOR: '1' } })).toMatch(coloured);
});

it('ages say how far a time is away', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  expect(age('2026-01-01T00:00:00+00:00', now)).toBe('1 d ago');
  expect(age('2026-01-02T00:59:59+00:00', now)).toBe('in 59 min');
});

it('--json takes fields, and refuses a name that is mistyped', async () => {
  expect(JSON.parse(await user.ok('tasks list --json task_id,acceptance'))).toEqual([
    { task_id: id, acceptance: null },
  ]);
  expect(await user.run(['tasks', 'list', '--json', 'task_ids'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('task_id?'),
  });
  expect(await user.run(['tasks', 'list', '--jq', '.[}'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--jq'),
  });
  expect(await user.run(['tasks', 'list', '-q', '--json', 'need'])).toMatchObject({ code: 2 });
  expect(await user.run(['tasks', 'list', '-q', '-o', 'json'])).toMatchObject({ code: 2 });
});

it('a list longer than a page is read to its limit, and the cursor goes on behind its last row', async () => {
  const agents = Array.from({ length: 130 }, (_, i) => i);
  const fetch = async (input: Parameters<typeof globalThis.fetch>[0]) => {
    const { searchParams } = new URL(input);
    const [from, limit] = [Number(searchParams.get('cursor') ?? 0), Number(searchParams.get('limit'))];
    const page = agents.slice(from, from + limit).map((n) => ({ id: `ag-${n}` }));
    const next = from + limit < agents.length ? String(from + limit) : null;
    return Response.json({ agents: page, total: agents.length, next_cursor: next });
  };
  const reply = await user.json<{ agents: unknown[]; next_cursor: string }>('agents --limit 120', { fetch });
  expect([reply.agents.length, reply.next_cursor]).toEqual([120, '120']);
  expect((await user.run(['agents', '--limit', '5'], { fetch })).err).toContain('5 of 130 shown');
});

describe('an error', () => {
  const answer = (status: number, code: string) => async () =>
    Response.json({ error: 'It is so', code, hint: 'Do this', request_id: 'req-1' }, { status });

  it.each([
    [401, 'unauthorized', exitCodes.auth],
    [403, 'forbidden', exitCodes.auth],
    [404, 'not_found', exitCodes.notFound],
    [409, 'conflict', exitCodes.conflict],
    [402, 'insufficient_credits', exitCodes.limit],
    [429, 'too_many_claims', exitCodes.limit],
    [400, 'invalid_request', exitCodes.failed],
  ])('of status %i (%s) ends with %i', async (status, code, exitCode) => {
    const { code: ended, out, err } = await user.run(['whoami', '-o', 'json'], { fetch: answer(status, code) });
    expect([ended, out]).toEqual([exitCode, '']);
    expect(JSON.parse(err)).toMatchObject({
      ...{ error: 'It is so', code, status, hint: 'Do this', request_id: 'req-1', exit_code: exitCode },
    });
  });

  it('says for people what, why, what to do next, and the request', async () => {
    const { err } = await user.run(['whoami'], { fetch: answer(401, 'unauthorized') });
    expect(err).toBe('error: It is so\nDo this\nNext: pinchwork login --key -\nRequest: req-1\n');
  });

  it.each([
    [
      'tasks deliver tk-1 X',
      'Pick it up with POST /v1/tasks/{id}/pickup first.',
      'Pick it up with "pinchwork tasks pickup tk-1" first.',
    ],
    ['tasks show tk-1', 'GET /v1/tasks/{id}?wait=60 waits for a change.', '"pinchwork wait tk-1" waits for a change.'],
    ['tasks show tk-1', 'GET /v1/tasks/{id} shows it.', '"pinchwork tasks show tk-1" shows it.'],
    ['whoami', 'Give it back with POST /v1/tasks/tk-2/abandon.', 'Give it back with "pinchwork tasks abandon tk-2".'],
    [
      'whoami',
      'GET /v1/tasks/available or GET /v1/tasks/mine?role=worker',
      '"pinchwork tasks list" or "pinchwork tasks mine --role worker"',
    ],
    [
      'whoami',
      'POST /v1/tasks/{id}/questions asks; DELETE /v1/me/keys/{id}',
      '"pinchwork ask ID TEXT" asks; "pinchwork keys revoke KEY_ID"',
    ],
    ['whoami', 'Take one: POST /v1/tasks/pickup.', 'Take one: "pinchwork tasks pickup".'],
    [
      'whoami',
      'GET /v1/me shows your id; PATCH /v1/me',
      '"pinchwork whoami" shows your id; "pinchwork api PATCH /v1/me"',
    ],
    ['whoami', 'GET /v1/nowhere', '"pinchwork api GET /v1/nowhere"'],
  ])('of "%s" names the commands for what the server says: %s', async (line, hint, command) => {
    const fetch = async () => Response.json({ error: 'It is so', code: 'conflict', hint }, { status: 409 });
    expect((await user.run(line.split(' '), { fetch })).err).toContain(`\n${command}\n`);
    const { err } = await user.run([...line.split(' '), '-o', 'json'], { fetch });
    expect(JSON.parse(err)).toMatchObject({ hint, command_hint: command });
    expect((await user.run(['api', 'GET', '/v1/me'], { fetch })).err).toContain(`\n${hint}\n`);
  });

  it('without a key, without an admin key, and without a server says what is missing', async () => {
    const env = { PINCHWORK_API_KEY: '' };
    expect(await user.run(['whoami'], { env })).toMatchObject({
      code: 4,
      err: expect.stringContaining('pinchwork register'),
    });
    expect(await user.run(['admin', 'log'])).toMatchObject({
      code: 4,
      err: expect.stringContaining('PINCHWORK_ADMIN_KEY'),
    });
    const fetch = async () => new Response(null, { status: 302, headers: { location: 'http://other.test' } });
    const { code, err } = await user.run(['whoami', '-o', 'json'], { fetch });
    expect([code, JSON.parse(err)]).toMatchObject([9, { code: 'redirected', next: 'pinchwork doctor' }]);
    const away = new PinchworkError('Could not reach it', { code: 'network_error' });
    expect(toldOf(away, undefined)).toMatchObject({ exit_code: 9, next: 'pinchwork doctor' });
  });

  it('of the command line itself ends with 2, as JSON where that is wanted', async () => {
    const { code, err } = await user.run(['tasks', 'list', '--limit', 'ten', '-o', 'json']);
    expect([code, JSON.parse(err)]).toMatchObject([2, { code: 'usage', next: 'pinchwork tasks list --help' }]);
    for (const line of [
      'tasks list --limit',
      'tasks show',
      'tasks list extra',
      '-o xml whoami',
      'tasks reject tk-1',
      'rate tk-1',
    ]) {
      expect(await user.run(line.split(' ')), line).toMatchObject({ code: 2, out: '' });
    }
    expect(await user.run(['ask', '-', '-'], { stdin: 'x' })).toMatchObject({
      code: 2,
      err: expect.stringContaining('once'),
    });
    expect(await user.run(['msg', 'tk-1', '-'], { stdin: new Uint8Array([0x66, 0xff]) })).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('UTF-8') },
    });
  });
});

it('api prints a reply that is no JSON as it is, and says so where another format is asked for', async () => {
  for (const path of ['/skill.md', '/install.sh']) {
    const text = await (await fetch(live.url + path)).text();
    expect(await user.ok(`api GET ${path}`), path).toBe(text);
    for (const flags of [['-o', 'json'], ['-q'], ['--jq', '.'], ['--json', 'a']]) {
      const ran = await user.run(['api', 'GET', path, ...flags]);
      expect(ran, flags.join(' ')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no JSON') });
    }
  }
  expect(await user.json('api GET /v1/market')).toHaveProperty('agents');
  // A page that a proxy gives is none of the replies that other commands can read.
  const page = async () => new Response('<html>', { headers: { 'content-type': 'text/html' } });
  expect(await user.run(['whoami'], { fetch: page })).toMatchObject({ code: 9, out: '' });
});

it('Ctrl-C ends a command with 130', async () => {
  const stop = new AbortController();
  const fetch: typeof globalThis.fetch = async (_, init) => {
    stop.abort();
    init?.signal?.throwIfAborted();
    return Response.json({});
  };
  expect(await user.run(['whoami'], { signal: stop.signal, fetch })).toMatchObject({ code: 130, out: '', err: '' });
});

it('a reader that goes away (| head) ends the program without a word', async () => {
  let said = '';
  const closed = { write: async () => Promise.reject(new OutputClosed()), isTerminal: false, columns: undefined };
  const code = await run(['tasks', 'list'], {
    ...{ stdin: { isTerminal: false } as never, cwd: '/', home: user.home, env: user.env },
    ...{ stdout: closed, stderr: { ...closed, write: async (text) => void (said += text) } },
    ...{ clock: { now: () => 0, after: () => () => undefined }, signal: new AbortController().signal },
  });
  expect([code, said]).toEqual([0, '']);
});

it('talk that nobody can read any more ends nothing', async () => {
  let printed = '';
  const stream = { isTerminal: false, columns: undefined };
  const code = await run(['register', '--name', 'unheard'], {
    ...{ stdin: { isTerminal: false } as never, cwd: user.home, home: user.home, env: user.env },
    stdout: { ...stream, write: async (text) => void (printed += text) },
    stderr: { ...stream, write: async () => Promise.reject(new OutputClosed()) },
    ...{ clock: { now: () => 0, after: () => () => undefined }, signal: new AbortController().signal },
  });
  expect([code, printed]).toEqual([0, expect.stringMatching(/^You are ag-/)]);
});

it('a long wait shows a line with its state and its time on a terminal, and nothing elsewhere', async () => {
  let [nowMs, text] = [0, ''];
  let wake: () => void = () => undefined;
  const clock = {
    now: () => nowMs,
    after: (ms: number, next: () => void) => {
      wake = () => {
        nowMs += ms;
        next();
      };
      return () => undefined;
    },
  };
  const stream = { write: async (more: string) => void (text += more), isTerminal: true, columns: 60 };
  let finish!: (value: string) => void;
  const work = new Promise<string>((resolve) => (finish = resolve));
  const shown = spinning({ stream, clock }, 'Waiting for tk-1', work, () => 'claimed 50 %');
  nowMs = 61_000;
  wake();
  expect(text).toContain('Waiting for tk-1 · claimed 50 % · 1 min');
  finish('done');
  expect(await shown).toBe('done');
  expect(text.endsWith('\r\u001b[2K')).toBe(true);
  text = '';
  await spinning({ stream: { ...stream, isTerminal: false }, clock }, 'Waiting', Promise.resolve(1));
  expect(text).toBe('');
});
