import { limits } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { hostileTexts } from '../../support/hostile-texts.ts';
import { type Agent, claimTask, Market, postTask, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

/** Asks as one of several agents in turn, since one agent may have only two open questions about a task. */
async function crowdThatAsks(market: Market, path: string): Promise<() => Promise<Reply>> {
  const askers: Agent[] = [];
  for (let i = 0; i < limits.openQuestions; i++) askers.push(await market.register(`asker ${i}`));
  let turn = 0;
  return () => askers[turn++ % askers.length]!.post(path, { question: 'Why?' });
}

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '10000' });
  const [poster, worker, other] = [
    await market.register('poster'),
    await market.register('worker'),
    await market.register('other'),
  ];
  return { market, poster, worker, other };
}

onBothEngines('a refused question or message', (engine) => {
  it('changes nothing, and causes no event', async () => {
    const { market, poster, worker, other } = await open(engine);
    const posted = `/v1/tasks/${await postTask(poster)}`;
    const claimed = `/v1/tasks/${await claimTask(poster, worker)}`;
    const ask = await crowdThatAsks(market, `${posted}/questions`);
    const { id } = (await ask()).body;
    await poster.post(`${posted}/questions/${id}/answer`, { answer: 'So' });
    for (let i = 0; i < limits.openQuestions; i++) expect((await ask()).status).toBe(201);
    const { id: waiting } = (await poster.get(`${posted}/questions`)).body.questions[1];

    const hidden = `/v1/tasks/${await postTask(worker)}`;
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
    const refused: [number, Agent, string, object][] = [
      [429, other, `${posted}/questions`, { question: 'And?' }],
      [409, poster, `${posted}/questions`, { question: 'And?' }],
      [404, other, `${hidden}/questions`, { question: 'And?' }],
      [404, other, `${hidden}/report`, { reason: 'Spam' }],
      [409, poster, `${posted}/questions/${id}/answer`, { answer: 'No' }],
      [403, other, `${posted}/questions/${waiting}/answer`, { answer: 'No' }],
      [404, poster, `${claimed}/questions/${waiting}/answer`, { answer: 'No' }],
      [404, poster, `${posted}/questions/qa-000000000000/answer`, { answer: 'No' }],
      [409, poster, `${posted}/messages`, { message: 'Hello' }],
      [404, poster, '/v1/tasks/tk-000000000000/messages', { message: 'Hello' }],
      [404, other, '/v1/tasks/tk-000000000000/report', { reason: 'Spam' }],
      [404, market.admin, '/v1/admin/reports/rp-000000000000', { status: 'resolved' }],
    ];
    const before = await readTables(market.url);
    for (const [status, agent, path, body] of refused) expectError(await agent.post(path, body), status);
    expect(await readTables(market.url)).toEqual(before);
  });

  it('at the limit of open questions succeeds after an answer has made room', async () => {
    const { market, poster } = await open(engine);
    const task = `/v1/tasks/${await postTask(poster)}`;
    const ask = await crowdThatAsks(market, `${task}/questions`);
    const ids: string[] = [];
    for (let i = 0; i < limits.openQuestions; i++) ids.push((await ask()).body.id);
    // All at once: each answer makes room for exactly one question.
    const replies = await Promise.all([
      ...ids.map((id) => poster.post(`${task}/questions/${id}/answer`, { answer: 'So' })),
      ...Array.from({ length: 20 }, ask),
    ]);
    expect(replies.slice(0, ids.length).map(({ status }) => status)).toEqual(ids.map(() => 200));
    const { questions } = (await poster.get(`${task}/questions`)).body;
    const waiting = questions.filter(({ answer }: { answer: string | null }) => answer === null).length;
    expect(waiting).toBe(replies.slice(ids.length).filter(({ status }) => status === 201).length);
    expect(waiting).toBeLessThanOrEqual(limits.openQuestions);
    for (let i = 0; i < 2 * limits.openQuestions; i++) await ask();
    expect((await poster.get(`${task}/questions`)).body.total).toBe(2 * limits.openQuestions);
  });
});

onBothEngines('any text', (engine) => {
  it('is returned unchanged from questions, answers, messages and reports', async () => {
    const { market, poster, worker } = await open(engine);
    const posted = `/v1/tasks/${await postTask(poster)}`;
    const claimed = `/v1/tasks/${await claimTask(poster, worker)}`;
    for (const text of hostileTexts) {
      const { id } = (await worker.post(`${posted}/questions`, { question: text })).body;
      expect((await poster.post(`${posted}/questions/${id}/answer`, { answer: text })).status).toBe(200);
      expect((await worker.post(`${claimed}/messages`, { message: text })).status).toBe(201);
      const reported = await postTask(poster, { max_credits: 1 });
      expect((await worker.post(`/v1/tasks/${reported}/report`, { reason: text })).status).toBe(201);
    }
    const read = async (agent: Agent, path: string, list: string, field: string) => {
      const texts: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { body } = await agent.get(`${path}?limit=100${cursor && `&cursor=${cursor}`}`);
        texts.push(...body[list].map((row: Record<string, string>) => row[field]));
        cursor = body.next_cursor;
      }
      return texts;
    };
    expect(await read(worker, `${posted}/questions`, 'questions', 'question')).toEqual(hostileTexts);
    expect(await read(worker, `${posted}/questions`, 'questions', 'answer')).toEqual(hostileTexts);
    expect(await read(poster, `${claimed}/messages`, 'messages', 'message')).toEqual(hostileTexts);
    expect(await read(market.admin, '/v1/admin/reports', 'reports', 'reason')).toEqual(hostileTexts.toReversed());
  });
});
