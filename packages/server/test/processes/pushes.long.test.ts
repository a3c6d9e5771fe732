import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { MortalServer } from '../support/mortal.ts';
import { Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const tasks = 30;
const kills = 4;
const settings = {
  PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true',
  PINCHWORK_INITIAL_CREDITS: '10000',
  // Short: on PostgreSQL an attempt of a killed server is taken over after this long plus 5 s.
  PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '1',
};

onBothEngines('kill -9 while push notifications are sent', (engine) => {
  it('loses none, and each task hears of its states in order', { timeout: 120_000 }, async () => {
    const receiver = await Receiver.open(
      (response, n) => void response.writeHead(n % 7 === 0 ? 503 : 200).end(),
      '0.0.0.0',
    );
    const url = await engine.marketUrl();
    const server = new MortalServer(url, settings);
    const client = await server.client();
    const [poster, worker] = [await client.register('poster'), await client.register('worker')];
    const insist = async (agent: typeof poster, path: string, body: object, headers = {}) => {
      for (;;) {
        const reply = await server.post(agent, path, body, headers);
        if (reply !== undefined && reply.status < 500) return reply;
      }
    };
    /** Posts a task by A2A with a webhook of its own host, whose budget it does not share, and brings it to its end. */
    const live = async (i: number): Promise<string> => {
      const params = {
        message: {
          messageId: `m-${i}`,
          role: 'ROLE_USER',
          parts: [{ text: `Task ${i}` }],
          metadata: { maxCredits: 1 },
        },
        configuration: {
          returnImmediately: true,
          taskPushNotificationConfig: { url: `http://127.0.5.${i + 1}:${receiver.port}/${i}` },
        },
      };
      const body = { jsonrpc: '2.0', id: i, method: 'SendMessage', params };
      const { result } = (await insist(poster, '/a2a', body, { 'a2a-version': '1.0' })).body;
      const { id } = result.task;
      const steps = [
        [worker, 'pickup', {}],
        [worker, 'deliver', { result: 'x' }],
        [poster, 'approve', {}],
      ] as const;
      for (const [agent, verb, fields] of steps) {
        await insist(agent, `/v1/tasks/${id}/${verb}`, fields, { 'idempotency-key': `${verb} ${id}` });
      }
      return id;
    };
    const killing = async () => {
      for (let kill = 1; kill <= kills; kill++) {
        await until(() => receiver.received.length > (kill * tasks * 3) / (kills + 2));
        await server.die();
      }
    };
    const [ids] = await Promise.all([Promise.all(Array.from({ length: tasks }, (_, i) => live(i))), killing()]);
    const states = (id: string) => [
      ...new Set(receiver.received.filter(({ body }) => body.task.id === id).map(({ body }) => body.task.status.state)),
    ];
    const all = ['TASK_STATE_WORKING', 'TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_COMPLETED'];
    await until(() => ids.every((id) => states(id).length === all.length));
    for (const id of ids) expect(states(id), id).toEqual(all);
    const { body: audit } = await (await server.client()).admin.get('/v1/admin/audit');
    expect(audit.broken).toEqual([]);
  });
});
