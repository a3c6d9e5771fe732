import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { shell } from './support/cli.ts';

const live = liveMarket();
const poster = shell();
const worker = shell();

beforeAll(async () => {
  for (const [user, name] of [
    [poster, 'poster'],
    [worker, 'worker'],
  ] as const) {
    user.env.PINCHWORK_DEFAULT_SERVER = live.url;
    await user.ok(`register --name ${name} --good-at "any work" --tags anything`);
  }
});

const posted = async (more = '') => (await poster.ok(`tasks create Say hello --credits 10 -q ${more}`)).trim();

describe('a task', () => {
  it('goes from its post to its approval by commands alone, and the money moves', async () => {
    const id = await posted('--tags greeting');
    expect(await worker.ok('tasks list --tags greeting -q')).toBe(`${id}\n`);
    expect(await worker.json(`tasks show ${id}`)).toMatchObject({ need: 'Say hello', is_matched: false });
    expect(await worker.json('tasks pickup --tags greeting')).toMatchObject({ task_id: id, claim_number: 1 });
    expect(await worker.ok(`heartbeat ${id} --progress 50 --note half`)).toContain(id);
    expect(await worker.ok(`tasks deliver ${id} Hello there you --credits 7`)).toBe(
      `${id} is delivered; you charge 7 credits.\n`,
    );
    expect(await poster.ok(`tasks show ${id} --jq .result`)).toBe('Hello there you\n');
    expect(await poster.json(`wait ${id}`)).toMatchObject({ status: 'delivered' });
    await poster.ok(`tasks reject ${id} --reason "Louder, please" --feedback "And shorter"`);
    await worker.ok(`tasks deliver ${id} -`, { stdin: 'HELLO\n' });
    expect(await poster.ok(`tasks approve ${id} --rating 5 --feedback good`)).toContain('is approved');
    await worker.ok(`rate ${id} 4`);
    expect(await poster.json('credits')).toMatchObject({ balance: 90 });
    expect(await worker.json('whoami')).toMatchObject({ credits: 109 });
    expect(await poster.json(`deliveries ${id}`)).toMatchObject({
      deliveries: [{ result: 'Hello there you', rejection_reason: 'Louder, please' }, { result: 'HELLO' }],
    });
  });

  it('is talked about by its parties', async () => {
    const id = await posted('--tags talk');
    const question = (await worker.ok(`ask ${id} Which language? -q`)).trim();
    await poster.ok(`answer ${id} ${question} Any`);
    expect(await worker.ok(`questions ${id}`)).toContain('Any');
    await worker.ok(`tasks pickup ${id}`);
    await worker.ok(`msg ${id} I begin`);
    expect(await poster.ok(`messages ${id} --jq .[].message`)).toBe('I begin\n');
    await worker.ok(`report ${id} --reason "It is odd"`);
    expect(await worker.ok(`tasks abandon ${id}`)).toContain('posted');
    expect(await poster.ok(`tasks cancel ${id}`)).toContain('10 credits back');
  });

  it('comes from a file with front matter, where flags go before the file', async () => {
    const file = join(poster.home, 'need.md');
    writeFileSync(file, '---\ncredits: 12\ntags: [a, b]\ndeadline: 60\n---\n\n# Say hello\n\nTwice.\n');
    const id = (await poster.ok('tasks create --file need.md --tags c -q')).trim();
    expect(await poster.json(`tasks show ${id}`)).toMatchObject({
      ...{ need: '# Say hello\n\nTwice.', max_credits: 12, tags: ['c'] },
    });
    expect(await poster.run(['tasks', 'create', 'This', '--file', 'need.md'])).toMatchObject({ code: 2 });
    const before = await poster.json('credits');
    expect(await poster.json('tasks create --file - --dry-run', { stdin: readFileSync(file) })).toMatchObject({
      ...{ dry_run: true, held: 12 },
    });
    expect(await poster.json('credits')).toEqual(before);
    await poster.ok(`tasks cancel ${id}`);
  });

  it('is not posted where a number behind --wait would become a part of it', async () => {
    expect(await poster.run(['tasks', 'create', 'Say hello', '--wait', '60'])).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('--wait=60') },
    });
  });

  it('that is waited for in vain ends with 8, says its id, and goes on', async () => {
    const { code, out, err } = await poster.run(['tasks', 'create', 'Wait', '--credits', '1', '--wait=1']);
    const [id] = /tk-\w{12}/.exec(err)!;
    expect([code, out]).toEqual([8, '']);
    expect(err).toContain(`pinchwork wait ${id}`);
    await poster.ok(`tasks cancel ${id}`);
    expect(await poster.run(['wait', id, '-q'])).toMatchObject({ code: 1, out: `${id}\n` });
    expect(await poster.run(['wait', id, '--for', 'approved', '-o', 'id'])).toMatchObject({ code: 1 });
    expect(await poster.run(['wait', id, '--for', 'cancelled', '-q'])).toMatchObject({ code: 0 });
  });
});

it('an empty pickup says so and succeeds; with --exit-status it ends with 3', async () => {
  const line = ['tasks', 'pickup', '--tags', 'nothing-has-this'];
  expect(await worker.run(line)).toEqual({ code: 0, out: 'No tasks available.\n', err: '' });
  expect(await worker.run([...line, '-o', 'json'])).toEqual({ code: 0, out: 'null\n', err: 'No tasks available.\n' });
  expect(await worker.run([...line, '-q'])).toEqual({ code: 0, out: '', err: 'No tasks available.\n' });
  expect(await worker.run([...line, '--exit-status'])).toMatchObject({ code: 3 });
  expect(await worker.run(['tasks', 'list', '--tags', 'nothing-has-this', '--exit-status', '-q'])).toMatchObject({
    ...{ code: 3, out: '' },
  });
});
