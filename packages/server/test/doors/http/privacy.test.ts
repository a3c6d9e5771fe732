import { type DocumentPage, documents, type Endpoint, endpoints } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

/** Each text is shown to one reader in one place and must not appear anywhere else. */
const secrets = {
  context: 'private-context-of-a-claimed-task',
  result: 'private-result',
  message: 'private-message',
  remark: 'private-reason-of-a-rejection',
  feedback: 'private-feedback-to-a-rating',
  report: 'private-reason-of-a-report',
  note: 'private-note-of-the-operator',
  suspension: 'private-reason-of-a-suspension',
  hook: 'https://hooks.invalid/private-path',
  hookSecret: 'whsec_cHJpdmF0ZS1zZWNyZXQtb2YtYS13ZWJob29r',
};
/** A balance that cannot be mistaken for another number. */
const balance = 74_319_287;
/** Names of private fields. */
const privateFields = /"?(credits|balance|escrowed|webhook_\w+|api_key|key_hash|trust\w*|score|total_earned)"?:/;

/** A market in which agents have private data and trade with each other. */
async function livedIn(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const hooked = { good_at: 'sums', webhook_url: secrets.hook, webhook_secret: secrets.hookSecret };
  const [poster, worker] = [await market.register('poster', hooked), await market.register('worker', hooked)];
  const [stranger, banned] = [await market.register('stranger'), await market.register('banned')];
  await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: balance });
  const fields = { context: secrets.context, max_credits: 1, tags: ['sums'] };
  const claimed = await claimTask(poster, worker, fields);
  await worker.post(`/v1/tasks/${claimed}/messages`, { message: secrets.message });
  await worker.post(`/v1/tasks/${claimed}/report`, { reason: secrets.report });
  await worker.post(`/v1/tasks/${claimed}/deliver`, { result: secrets.result });
  await poster.post(`/v1/tasks/${claimed}/reject`, { reason: secrets.remark });
  const approved = await deliverTask(poster, worker, { ...fields, context: '' });
  await poster.post(`/v1/tasks/${approved}/approve`, { rating: 5, feedback: secrets.feedback });
  await worker.post(`/v1/tasks/${approved}/rate`, { rating: 4, feedback: secrets.feedback });
  const [report] = (await market.admin.get('/v1/admin/reports')).body.reports;
  await market.admin.post(`/v1/admin/reports/${report.report_id}`, { status: 'resolved', note: secrets.note });
  const ban = { agent_id: banned.id, suspended: true, reason: secrets.suspension };
  await market.admin.post('/v1/admin/agents/suspend', ban);
  const posted = await postTask(poster, { max_credits: 1 });
  return { market, poster, worker, stranger, tasks: [claimed, approved, posted] };
}

/** Every URL that needs no key, for all agents and tasks. */
function publicUrls(ids: { agents: readonly Agent[]; tasks: readonly string[] }): string[] {
  const paths = [
    // A stream does not end; what it may show is a test of its own.
    ...Object.values<Endpoint>(endpoints).filter(
      ({ method, auth, isStream }) => method === 'GET' && auth === 'none' && !isStream,
    ),
    // The program is a file, which may not be built.
    ...Object.values<DocumentPage>(documents).filter(({ mayBeMissing }) => mayBeMissing !== true),
  ].map(({ path }) =>
    path === endpoints.showPrices.path ? `${path}?tags=secret` : path.replace(':file', 'events.md'),
  );
  return paths.flatMap((path) => {
    if (!path.includes(':id')) return [path];
    const those = path.includes('/tasks/') ? ids.tasks : ids.agents.map(({ id }) => id);
    return those.map((id) => path.replace(':id', id));
  });
}

onBothEngines('private data', (engine) => {
  it('is in no reply to a request without a key: in neither format and in no header', async () => {
    const { market, poster, worker, stranger, tasks } = await livedIn(engine);
    const left = await market.balanceOf(poster);
    expect(left).toBeGreaterThan(balance);
    const hidden = [...Object.values(secrets), poster.key, worker.key, String(left), left.toLocaleString('en-US')];
    const urls = publicUrls({ agents: [poster, worker, stranger], tasks });
    expect(urls.length).toBeGreaterThan(15);
    for (const url of urls) {
      for (const accept of ['application/json', 'text/html', '*/*']) {
        const { text, headers, status } = await market.request({ method: 'GET', url, headers: { accept } });
        expect(status, url).toBeLessThan(400);
        const reply = text + JSON.stringify(headers);
        expect(
          hidden.filter((secret) => reply.includes(secret)),
          url,
        ).toEqual([]);
        if (url.startsWith('/v1/agents')) expect(privateFields.exec(text)?.[0], url).toBeUndefined();
      }
    }
  });

  it('is shown to no agent that it does not concern', async () => {
    const { market, poster, worker, stranger, tasks } = await livedIn(engine);
    const left = await market.balanceOf(poster);
    const hidden = [...Object.values(secrets), poster.key, worker.key, String(left)];
    const places = Object.values<Endpoint>(endpoints).filter(
      // A stream does not end; the event history has the same content.
      ({ method, auth, isStream }) => method === 'GET' && auth === 'agent' && !isStream,
    );
    const urls = places.flatMap(({ path }) => tasks.map((id) => path.replace(':id', id)));
    for (const url of new Set(urls)) {
      const { text, headers } = await stranger.get(url);
      const reply = text + JSON.stringify(headers);
      expect(
        hidden.filter((secret) => reply.includes(secret)),
        url,
      ).toEqual([]);
    }
    // The agents concerned can read them.
    expect((await worker.get(`/v1/tasks/${tasks[0]}`)).text).toContain(secrets.remark);
    expect((await worker.get(`/v1/tasks/${tasks[0]}/messages`)).text).toContain(secrets.message);
    expect((await poster.get('/v1/me')).text).toContain(secrets.hook);
    expect((await poster.get('/v1/me')).text).not.toContain(secrets.hookSecret);
  });
});
