import { instructions, mostCharacters, mostWaitSeconds } from '@pinchwork/sdk/mcp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { connect, eras, newEra, oldEra, postMcp } from '../../support/mcp.ts';

/** A call of a tool in the words of each era. */
const calls = [
  { era: eras[0], call: (name: string, given: object = {}) => oldEra('tools/call', { name, arguments: given }) },
  { era: eras[1], call: (name: string, given: object = {}) => newEra('tools/call', { name, arguments: given }) },
] as const;

onBothEngines('an MCP client', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine, {
      PINCHWORK_CORS_ORIGINS: 'https://app.example',
      PINCHWORK_INITIAL_CREDITS: '100000',
    });
    poster = await market.register('poster');
    worker = await market.register('worker');
  });
  afterAll(() => market.close());

  /** Waits until a call waits for a task: its time runs, too, which begins after its place among the waits is taken. */
  const untilWaiting = async () => {
    while ([...market.ctx.watch.tasks].length === 0) await new Promise(setImmediate);
  };

  describe.each(calls)('of $era', ({ era, call }) => {
    it('hires and works', async () => {
      const [hiring, working] = [await connect(market, poster, era), await connect(market, worker, era)];
      const use = async (client: typeof hiring, tool: string, given: Record<string, unknown>) =>
        (await client.callTool({ name: `pinchwork_${tool}`, arguments: given })).structuredContent;
      const order = { need: 'Count the words', max_credits: 10, tags: [`era-${era}`] };
      const { task_id, status } = await use(hiring, 'delegate', order);
      expect(status).toBe('posted');
      expect(await use(working, 'pickup', { tags: [`era-${era}`] })).toMatchObject({
        task_id,
        need: 'Count the words',
      });
      const delivered = await use(working, 'deliver', { task_id, result: 'Seven' });
      expect(delivered).toMatchObject({ status: 'delivered', credits_charged: 10 });
      const approved = await use(hiring, 'approve', { task_id, rating: 5 });
      expect(approved).toMatchObject({ status: 'approved', result: 'Seven', rating: 5 });
    });

    it('is answered within 50 seconds, whatever wait it asks for', async () => {
      const task_id = await postTask(poster);
      for (const wait of [300, '300']) {
        const waiting = postMcp(market, poster, call('pinchwork_task_detail', { task_id, wait }));
        await untilWaiting();
        market.clock.advance(mostWaitSeconds * 1_000);
        expect((await waiting).body.result.structuredContent.status).toBe('posted');
      }
      const none = await postMcp(market, poster, call('pinchwork_task_detail', { task_id, wait: 0 }));
      expect(none.body.result.structuredContent.status).toBe('posted');
    });

    it('that has waited in vain for a delegation repeats it with its key and without the wait: it is posted once', async () => {
      const order = { need: 'Count the words', max_credits: 1, idempotency_key: `waited-${era}` };
      const waiting = postMcp(market, poster, call('pinchwork_delegate', { ...order, wait: 5 }));
      await untilWaiting();
      const again = await postMcp(market, poster, call('pinchwork_delegate', order));
      market.clock.advance(5_000);
      const { task_id } = (await waiting).body.result.structuredContent;
      expect(again.body.result.structuredContent.task_id).toBe(task_id);
      const other = await postMcp(market, poster, call('pinchwork_delegate', { ...order, max_credits: 2 }));
      expect(other.body.result.content[0].text).toContain('code: idempotency_key_reused');
    });

    it('gets an error as text alone, with what to do in the words of the tools', async () => {
      const task_id = await postTask(poster);
      const { status, body } = await postMcp(market, worker, call('pinchwork_deliver', { task_id, result: 'x' }));
      expect([status, body.result.isError, 'structuredContent' in body.result]).toEqual([200, true, false]);
      const [{ text }] = body.result.content;
      expect(text).not.toContain('/v1/');
      expect(text).toMatch(/\(code: forbidden, request: [\w-]+\)$/);
    });

    it('gets the same whole object as text and as data', async () => {
      const { body } = await postMcp(market, poster, call('pinchwork_status'));
      const { content, structuredContent } = body.result;
      expect(JSON.parse(content[0].text)).toEqual(structuredContent);
      expect(structuredContent).toEqual((await poster.get('/v1/me')).body);
    });

    it('is told that there is nothing to pick up, which is no error', async () => {
      const { body } = await postMcp(market, worker, call('pinchwork_pickup', { tags: ['nobody-has-this'] }));
      expect(body.result).toMatchObject({ structuredContent: { task_id: null } });
      expect(body.result.isError).not.toBe(true);
    });

    it('gets an invalid argument as a text that names it, and a suggestion for one with another name', async () => {
      const wrong = await postMcp(market, poster, call('pinchwork_delegate', { need: 'x', max_credits: 'many' }));
      expect(wrong.body.result.content[0].text).toContain('max_credits: must be an integer');
      const other = await postMcp(market, poster, call('pinchwork_delegate', { description: 'x' }));
      expect(other.body.result.content[0].text).toContain('did you mean need?');
      const none = await postMcp(market, poster, call('pinchwork_approve'));
      expect(none.body.result.content[0].text).toContain('task_id: is required');
      const kind = await postMcp(market, poster, call('pinchwork_say', { task_id: 'x', kind: 'shout', text: 'x' }));
      expect(kind.body.result.content[0].text).toContain('kind: must be message, question or answer');
    });

    it('with progress asked for is told of it every 15 seconds, and else never', async () => {
      const task_id = await postTask(poster);
      const { headers, message } = call('pinchwork_task_detail', { task_id, wait: 40 });
      const params = message.params as { _meta?: object };
      params._meta = { ...params._meta, progressToken: 'p' };
      const waiting = postMcp(market, poster, { headers, message });
      await untilWaiting();
      for (let i = 0; i < 8; i++) market.clock.advance(5_000);
      const { text, headers: got } = await waiting;
      expect(got['content-type']).toContain('text/event-stream');
      const sent = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
      expect(sent.map(({ method, params: told }) => [method, told?.progress])).toEqual([
        ['notifications/progress', 15],
        ['notifications/progress', 30],
        [undefined, undefined],
      ]);
      expect(sent.at(-1).result.structuredContent.status).toBe('posted');
    });

    it('reads a long answer in parts that are the reply of REST together', async () => {
      const task_id = await postTask(poster, { need: '"\\\n😀'.repeat(9_000), context: 'é"'.repeat(40_000) });
      let [whole, offset] = ['', 0 as number | null];
      while (offset !== null) {
        const { body } = await postMcp(market, poster, call('pinchwork_task_detail', { task_id, offset }));
        const { content, structuredContent } = body.result;
        expect(content[0].text.length).toBeLessThanOrEqual(mostCharacters);
        expect(content[1]).toMatchObject({ type: 'resource_link', uri: `task://${task_id}` });
        expect(JSON.parse(content[0].text)).toEqual(structuredContent);
        whole += structuredContent.part as string;
        expect(structuredContent.length).toBeGreaterThan(mostCharacters);
        offset = structuredContent.next_offset;
      }
      expect(JSON.parse(whole)).toEqual((await poster.get(`/v1/tasks/${task_id}`)).body);
      const { body } = await postMcp(market, worker, call('pinchwork_pickup', { task_id }));
      expect(body.result.structuredContent).toMatchObject({ task_id, truncated: true });
      expect(body.result.content[0].text.length).toBeLessThanOrEqual(mostCharacters);
    });

    it('gets one page of tools, and instructions that no client cuts', async () => {
      const client = await connect(market, poster, era);
      const { tools, nextCursor } = await client.listTools();
      expect([tools.length, nextCursor]).toEqual([17, undefined]);
      expect(JSON.stringify(tools).length).toBeLessThan(12_000);
      expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: false }, completions: {} });
      expect(client.getInstructions()).toBe(instructions);
      expect(instructions.length).toBeLessThanOrEqual(2_048);
    });

    it('reads the guide, its parts and a task as resources, and gets prompts', async () => {
      const client = await connect(market, poster, era);
      const read = async (uri: string) => (await client.readResource({ uri })).contents[0]!.text!;
      expect(await read('skill://pinchwork/SKILL.md')).toContain('name: pinchwork');
      expect(await read('skill://pinchwork/references/posting.md')).toContain('#');
      const task_id = await postTask(poster);
      expect(JSON.parse(await read(`task://${task_id}`))).toEqual((await poster.get(`/v1/tasks/${task_id}`)).body);
      await expect(read('task://tk-000000000000')).rejects.toThrow(/not found/i);
      await expect(read('skill://pinchwork/references/none.md')).rejects.toThrow(/not found/i);
      expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['hire', 'work', 'review']);
      expect(await client.getPrompt({ name: 'hire', arguments: { need: 'Count' } })).toMatchObject({
        messages: [{ role: 'user', content: { text: expect.stringContaining('Count') } }],
      });
      await expect(client.getPrompt({ name: 'review', arguments: {} })).rejects.toThrow(/task_id/);
    });

    it('reads questions and messages of a task together', async () => {
      const task_id = await deliverTask(poster, worker);
      for (const text of ['one', 'two', 'three']) await worker.post(`/v1/tasks/${task_id}/messages`, { message: text });
      const first = await postMcp(market, poster, call('pinchwork_conversation', { task_id, limit: 2 }));
      const { questions, messages, next_cursor } = first.body.result.structuredContent;
      expect([questions.length, messages.length]).toEqual([0, 2]);
      const given = { task_id, limit: 2, cursor: next_cursor };
      const second = await postMcp(market, poster, call('pinchwork_conversation', given));
      expect(second.body.result.structuredContent).toMatchObject({
        ...{ questions: [], next_cursor: null },
        messages: [{ message: 'three' }],
      });
    });
  });

  it('ends a wait by closing its connection', async () => {
    const origin = await market.app.listen({ host: '127.0.0.1', port: 0 });
    const task_id = await postTask(poster);
    for (const { call } of calls) {
      const { headers, message } = call('pinchwork_task_detail', { task_id, wait: 40 });
      const leaving = new AbortController();
      const gone = fetch(`${origin}/mcp`, {
        method: 'POST',
        headers: {
          ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
          authorization: `Bearer ${poster.key}`,
        },
        body: JSON.stringify(message),
        signal: leaving.signal,
      });
      const refused = expect(gone).rejects.toThrow();
      await untilWaiting();
      leaving.abort();
      await refused;
      while (market.ctx.watch.count > 0) await new Promise(setImmediate);
    }
  });

  it('without a key gets 401 as JSON, and so it does from every path that it may probe', async () => {
    const asked = oldEra('tools/list', {});
    const refused = await postMcp(market, undefined, asked, { accept: 'text/event-stream' });
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([401, 'unauthorized']);
    const probed = [
      '/.well-known/oauth-protected-resource',
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/mcp/.well-known/openid-configuration',
      '/authorize',
      '/token',
    ];
    for (const url of probed) {
      const { status, text } = await market.request({ method: 'GET', url, headers: { accept: '*/*' } });
      expect([url, status, JSON.parse(text).code]).toEqual([url, 404, 'not_found']);
    }
    const other = await market.request({ method: 'GET', url: '/mcp', headers: { accept: 'text/event-stream' } });
    expect([other.status, other.headers.allow, JSON.parse(other.text).code]).toEqual([
      405,
      'POST',
      'method_not_allowed',
    ]);
  });

  it.each([
    ['none', {}, 200],
    ['our own', { origin: 'http://127.0.0.1:8000', host: '127.0.0.1:8000' }, 200],
    ['one whose name leads here', { origin: 'http://evil.example', host: 'evil.example' }, 403],
    ['one of the operator’s', { origin: 'https://app.example' }, 200],
    ['any other', { origin: 'https://evil.example' }, 403],
  ])('from the origin: %s', async (_, headers, status) => {
    expect((await postMcp(market, poster, oldEra('tools/list', {}), headers)).status).toBe(status);
  });

  it('of the old era must accept both types, or gets 406', async () => {
    const asked = oldEra('tools/call', { name: 'pinchwork_status' });
    expect((await postMcp(market, poster, asked, { accept: 'application/json' })).status).toBe(406);
  });

  it('whose headers say something else than its message is refused', async () => {
    const asked = newEra('tools/call', { name: 'pinchwork_status' });
    const { status, body } = await postMcp(market, poster, asked, { 'mcp-name': 'pinchwork_approve' });
    expect([status, body.error.code]).toEqual([400, -32_020]);
  });

  it('with a key without the scope, or of a suspended agent, reads why in the tool’s answer', async () => {
    const made = await poster.post('/v1/me/keys', { name: 'reads', scopes: ['read'] });
    const reader = market.client(poster.id, made.body.api_key);
    const asked = oldEra('tools/call', { name: 'pinchwork_delegate', arguments: { need: 'x' } });
    const { body } = await postMcp(market, reader, asked);
    expect(body.result.content[0].text).toContain('code: scope_missing');
    const bad = await market.register('bad');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: bad.id, suspended: true });
    const refused = await postMcp(market, bad, asked);
    expect(refused.body.result.content[0].text).toContain('code: agent_suspended');
  });
});
