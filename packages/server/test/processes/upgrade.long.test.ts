import { expect, onTestFinished } from 'vitest';
import { migrate } from '../../src/storage/migrate.ts';
import { openDatabase } from '../../src/storage/open.ts';
import { Client } from '../support/client.ts';
import { itOnPostgres, postgres } from '../support/engines.ts';
import { laterSteps } from '../support/later-step.ts';
import { claimTask, deliverTask } from '../support/market.ts';
import { PersistentPosters } from '../support/persistent.ts';
import { startServer } from '../support/process.ts';

itOnPostgres(
  'a node goes on serving while a later version adds to the schema, and another of its kind may still start',
  async () => {
    const database = await postgres.marketUrl();
    const { url, server } = await startServer(database, { PINCHWORK_INITIAL_CREDITS: '1000000' });
    const client = new Client(url);
    const poster = await client.register('poster');
    const worker = await client.register('worker');
    // Every kind of statement has been prepared, on many connections.
    const everything = async (node: Client) => {
      const [ada, bob] = [node.as(poster), node.as(worker)];
      const task = await claimTask(ada, bob);
      await bob.post(`/v1/tasks/${task}/messages`, { message: 'Half done' });
      await bob.post(`/v1/tasks/${task}/report`, { reason: 'Odd' });
      const paths = [
        '/v1/me',
        '/v1/me/credits',
        '/v1/me/stats',
        '/v1/me/trust',
        '/v1/tasks/mine',
        '/v1/tasks/available',
      ];
      const reads = [
        ...paths,
        '/v1/agents',
        `/v1/agents/${poster.id}`,
        `/v1/tasks/${task}`,
        `/v1/tasks/${task}/messages`,
      ];
      const replies = await Promise.all(reads.map((path) => bob.get(path)));
      const log = await node.admin.get('/v1/admin/log');
      const reports = await node.admin.get('/v1/admin/reports');
      expect([...replies, log, reports].map(({ status }) => status)).toEqual(Array(reads.length + 2).fill(200));
      const done = await deliverTask(ada, bob);
      expect((await ada.post(`/v1/tasks/${done}/approve`, { rating: 5 })).status).toBe(200);
    };
    const everybody = (node: Client) => Promise.all(Array.from({ length: 8 }, () => everything(node)));
    await everybody(client);
    const posters = new PersistentPosters(poster, 8, { max_credits: 1 });
    await posters.untilMore('created', 50);

    const later = await openDatabase(database, { onError: () => undefined });
    onTestFinished(() => later.close());
    await migrate(later, '99.0.0', laterSteps);

    await posters.untilMore('created', 200);
    await everybody(client);
    await posters.stop();
    expect(posters.refused).toBe(0);
    expect(server.stderr).toBe('');

    const another = new Client((await startServer(database)).url);
    await everything(another);
    expect((await another.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
    expect(await postgres.query(database, `select count(*)::int as moods from tasks where mood <> 'fine'`)).toEqual([
      { moods: 0 },
    ]);
  },
);
