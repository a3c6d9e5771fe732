import { secondMs } from '../../src/ground/clock.ts';
import { move as moveFile } from '../../src/backup/move.ts';
import { version } from '../../src/ground/version.ts';
import { makeBusy } from '../support/busy.ts';
import { runCommand } from '../support/command.ts';
import { disputeTask, registerJudge } from '../support/disputes.ts';
import { sqlite } from '../support/engines.ts';
import { deliverTask, Market, postTask } from '../support/market.ts';

export const settings = { PINCHWORK_RATE_LIMIT_REGISTER: '6/hour', PINCHWORK_TASK_EXPIRE_HOURS: '48' };

/** Runs the move in this process, which is faster. @returns the message of its refusal, or nothing. */
export const moveHere = (from: string, to: string) =>
  moveFile(from, to, { programVersion: version, onProgress: () => undefined }).then(
    () => undefined,
    (error: unknown) => String(error),
  );

export const move = (from: string, to: string) => runCommand(['move', '--to', to], { PINCHWORK_DATABASE_URL: from });

/** A closed market on SQLite, and what is needed to continue it. */
export async function closedMarket() {
  const url = await sqlite.freshUrl();
  const market = await Market.open(url, settings);
  const busy = await makeBusy(market);
  const order = { need: 'Ordered once', max_credits: 3 };
  const ordered = await busy.poster.post('/v1/tasks', order, { 'idempotency-key': 'one order' });
  const chosen = await postTask(busy.poster, { for_agents: [busy.worker.id], tags: ['chosen'], max_credits: 1 });
  const sold = await deliverTask(busy.poster, busy.worker, { tags: ['sold'], max_credits: 1 });
  await busy.poster.post(`/v1/tasks/${sold}/approve`);
  await registerJudge(market);
  await disputeTask(market, busy, { max_credits: 20 });
  await market.pass(11 * secondMs);
  await market.ctx.marketFigures.run();
  await market.close();
  await sqlite.vandalise(url, `insert into stuck_timers values ('${busy.tasks.expired}', 1, 2, 'On purpose', 3)`);
  const ended = `'${busy.tasks.expired}', 'task_expired', '{"worker_id":null}'`;
  await sqlite.vandalise(
    url,
    `insert into outbox (id, task_id, type, data, created_at) values ('ob-000000000000', ${ended}, ${market.clock.now()})`,
  );
  await sqlite.vandalise(url, `insert into texts_written values ('${busy.poster.id}', 5, 6)`);
  await sqlite.vandalise(url, `insert into audited_balances values ('${busy.poster.id}', 'le-', 0)`);
  await sqlite.vandalise(url, `insert into text_retention values ('${busy.tasks.expired}', 4)`);
  await sqlite.vandalise(
    url,
    `insert into push_configs (task_id, name, agent_id, budget_id, a2a_version, url, told_version, status, since, forget_at)
       select id, 'mine', poster_id, 'ky-000000000000', '1.0', 'https://hooks.invalid/', version, 'active', 0, 4102444800000
       from tasks where id = '${chosen}'`,
  );
  return { url, market, ...busy, order, ordered };
}
