import { limits } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approveWorkOf } from '../../support/board.ts';
import { onBothEngines } from '../../support/engines.ts';
import { answers, generous, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, Market, postTask } from '../../support/market.ts';

/** Control characters take six bytes each in JSON and in Markdown, DEL takes six in Markdown alone. */
const [control, del, emoji] = ['\u0001', '\u007f', '😀'];
const formats = ['application/json', 'text/markdown'];

interface Row {
  task_id: string;
  need: string;
  context: string | null;
  truncated?: true;
}

onBothEngines('the size of a page', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine, generous);
    poster = await market.register('poster');
    worker = await market.register('worker');
  });
  afterAll(() => market.close());

  const post = (tag: string, fields: object) => postTask(poster, { max_credits: 1, tags: [tag], ...fields });

  async function browse(tag: string, limit = 100): Promise<Row[]> {
    const { body } = await worker.get(`/v1/tasks/available?limit=${limit}&tags=${tag}`);
    return body.tasks;
  }

  const expectFits = async (agent: Agent, path: string) => {
    for (const accept of formats) {
      const { status, text } = await agent.get(path, { accept });
      expect(status).toBe(200);
      expect(Buffer.byteLength(text), accept).toBeLessThanOrEqual(limits.pageBytes);
    }
  };

  it.each([
    ['control', control],
    ['del', del],
    ['emoji', emoji],
  ])('a page of tasks is as long as asked for, and at most 256 KiB, whatever the texts hold: %s', async (tag, unit) => {
    const texts = { need: unit.repeat(50_000), context: unit.repeat(100_000) };
    for (let i = 0; i < 12; i++) await post(tag, texts);
    const short = await post(tag, { need: 'A short one' });
    const rows = await browse(tag);
    expect(rows).toHaveLength(13);
    for (const row of rows.slice(0, 12)) {
      expect(row.truncated).toBe(true);
      expect(row.need.length).toBeGreaterThan(100);
      for (const text of ['need', 'context'] as const) expect(texts[text].startsWith(row[text]!)).toBe(true);
    }
    expect(rows[12]).toMatchObject({ task_id: short, need: 'A short one' });
    expect(rows[12]).not.toHaveProperty('truncated');
    await expectFits(worker, `/v1/tasks/available?limit=100&tags=${tag}`);
    await expectFits(poster, '/v1/tasks/mine?limit=100');
  });

  it('a hundred rows with the longest tags fit too', async () => {
    const tags = ['crowded', ...Array.from({ length: 9 }, (_, i) => `${i}`.padEnd(49 * 2 + 1, '𝒜'))];
    const fields = { need: control.repeat(600), context: 'x'.repeat(600), max_credits: 1, tags };
    for (let i = 0; i < 100; i++) await postTask(poster, fields);
    expect(await browse('crowded')).toHaveLength(100);
    await expectFits(worker, '/v1/tasks/available?limit=100&tags=crowded');
    await expectFits(poster, '/v1/tasks/mine?limit=100');
  });

  it('a text of 4,000 characters is whole in a list, and a longer one is cut there', async () => {
    await post('edges', { need: emoji.repeat(4_000) });
    await post('edges', { need: emoji.repeat(4_001) });
    const [whole, cut] = await browse('edges');
    expect(whole!.need).toBe(emoji.repeat(4_000));
    expect(whole).not.toHaveProperty('truncated');
    expect(cut).toMatchObject({ need: emoji.repeat(4_000), truncated: true });
  });

  it('a task on the board is read whole by its id', async () => {
    const texts = { need: 'n'.repeat(50_000), context: 'c'.repeat(100_000) };
    const id = await post('whole', texts);
    const [row] = await browse('whole');
    const { truncated, ...rest } = row!;
    expect(truncated).toBe(true);
    const { status, body, headers } = await worker.get(`/v1/tasks/available/${id}`);
    expect([status, body, headers['x-task-id']]).toEqual([200, { ...rest, ...texts }, id]);
  });

  it('a task is read on the board only while it is open to the reader', async () => {
    const sees = async (agent: Agent) => (await agent.get(`/v1/tasks/available/${id}`)).status;
    const poet = await market.register('poet', { good_at: 'limericks' });
    await approveWorkOf(engine, market, [poet]);
    const id = await post('open', { need: 'limericks, please' });
    const { status, body } = await poet.get(`/v1/tasks/available/${id}`);
    expect([status, body.is_matched, body.match_rank]).toEqual([200, true, 0]);
    expect([await sees(poster), await sees(worker)]).toEqual([404, 404]);
    await market.pass(121_000);
    expect([await sees(poster), await sees(worker), await sees(poet)]).toEqual([404, 200, 200]);
    await poet.post(`/v1/tasks/${id}/pickup`);
    expect([await sees(worker), await sees(poet)]).toEqual([404, 404]);
  });

  it('all texts of a task of one’s own are cut in a list, and whole at the task itself', async () => {
    const texts = { need: 'n'.repeat(5_000), context: 'c'.repeat(5_000) };
    const remark = 'r'.repeat(4_500);
    const id = await claimTask(poster, worker, { max_credits: 1, ...texts });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'first' });
    await poster.post(`/v1/tasks/${id}/reject`, { reason: remark, feedback: remark });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'd'.repeat(5_000) });
    const row = (await worker.get('/v1/tasks/mine?status=delivered')).body.tasks[0];
    const whole = (await worker.get(`/v1/tasks/${id}`)).body;
    for (const name of ['need', 'context', 'result', 'rejection_reason', 'rejection_feedback']) {
      expect(row[name]).toBe(whole[name].slice(0, 4_000));
    }
    expect([row.truncated, whole.truncated]).toEqual([true, undefined]);
  });

  it('a system task’s texts are cut in a list too', async () => {
    const helper = await registerHelper(market);
    await post('about', { need: 'n'.repeat(9_000), context: 'c'.repeat(9_000) });
    const { body } = await helper.post('/v1/tasks/pickup');
    const [row] = (await helper.get('/v1/tasks/mine?status=claimed')).body.tasks;
    expect(body.poster_id).toBe('ag-platform');
    expect([row.task_id, row.truncated]).toEqual([body.task_id, true]);
    for (const name of ['need', 'context']) expect(row[name]).toBe(body[name].slice(0, 4_000));
    await helper.post(`/v1/tasks/${body.task_id}/deliver`, { result: answers.match() });
    await helper.patch('/v1/me', { accepts_system_tasks: false });
  });

  it('a page of messages ends early, and its cursor reads on', async () => {
    const id = await claimTask(poster, worker, { max_credits: 1 });
    const sent: string[] = [];
    for (let i = 0; i < 12; i++) {
      sent.push((await worker.post(`/v1/tasks/${id}/messages`, { message: control.repeat(5_000) })).body.id);
    }
    const read: string[] = [];
    let pages = 0;
    for (let cursor = ''; ; pages++) {
      await expectFits(poster, `/v1/tasks/${id}/messages?limit=100${cursor}`);
      const { body } = await poster.get(`/v1/tasks/${id}/messages?limit=100${cursor}`);
      read.push(...body.messages.map((message: { id: string }) => message.id));
      expect(body.total).toBe(12);
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(read).toEqual(sent);
    expect(pages).toBe(1);
  });

  it('a page of agents ends early, and its cursor reads on', async () => {
    const agents: string[] = [];
    for (let i = 0; i < 25; i++) {
      agents.push((await market.register('crowd', { good_at: `bulk ${control.repeat(1_990)}` })).id);
    }
    const read: string[] = [];
    for (let cursor = ''; ;) {
      await expectFits(worker, `/v1/agents?search=bulk&sort_by=newest&limit=100${cursor}`);
      const { body } = await worker.get(`/v1/agents?search=bulk&sort_by=newest&limit=100${cursor}`);
      read.push(...body.agents.map(({ id }: Agent) => id));
      if (body.next_cursor === null) break;
      expect(body.agents.length).toBeLessThan(25);
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(read).toEqual(agents.toReversed());
  });

  it('the rows of a batch are whole up to 256 KiB together; beyond it, the longest texts are cut', async () => {
    const batch = async (tag: string) =>
      (await worker.post('/v1/tasks/pickup/batch', { tags: [tag], count: 10 })).body.tasks as Row[];
    const whole = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(50_000));
    for (const need of whole) await post('fits', { need });
    expect((await batch('fits')).map(({ need, truncated }) => [need, truncated])).toEqual(
      whole.map((need) => [need, undefined]),
    );
    await post('exceeds', { need: 'x'.repeat(9_000) });
    const long = { need: control.repeat(50_000), context: control.repeat(100_000) };
    await post('exceeds', long);
    const [first, second] = await batch('exceeds');
    expect(first).toMatchObject({ need: 'x'.repeat(9_000) });
    expect(first).not.toHaveProperty('truncated');
    expect(second!.truncated).toBe(true);
    expect(second!.need.length).toBeGreaterThan(4_000);
    expect(second!.need.length).toBe(second!.context!.length);
    expect((await worker.get(`/v1/tasks/${second!.task_id}`)).body).toMatchObject(long);
  });
});
