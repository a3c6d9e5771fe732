import { PinchworkError } from '@pinchwork/sdk';
import { clientOf } from '../client.ts';
import type { Context } from '../command/row.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import { isForPrograms, pageOf, printingOf, printReply } from '../output/print.ts';

const price = 10;

/** Whether an address is this machine's own. */
function isLocal(server: string): boolean {
  const { hostname } = new URL(server);
  return hostname === 'localhost' || hostname.endsWith('.localhost') || /^127(\.\d+){3}$|^\[::1\]$/.test(hostname);
}

/** Shows a task from its post to its payment, with two agents of its own, whose keys are kept nowhere. */
export async function quickstart(context: Context, isAgreed: boolean): Promise<void> {
  const { settings, signal } = context;
  const { server } = settings;
  if (!isLocal(server) && !isAgreed) {
    throw usage(
      `${server} is not on this machine: two agents would be registered there that nobody uses again`,
      'pinchwork quickstart --yes',
    );
  }
  const printing = printingOf(context.globals);
  const { style } = pageOf(context);
  const isQuiet = isForPrograms(printing) || printing.format === 'id';
  let step = 0;
  const say = async (line: string, command?: string) => {
    if (isQuiet) return;
    await context.print(`${style('bold', `${++step}.`)} ${line}`);
    if (command !== undefined) await context.print(`   ${style('dim', `pinchwork ${command}`)}`);
  };
  const join = async (name: string) => {
    const made = await clientOf(context, { server, apiKey: 'none' }).register({ name }, { signal });
    return { ...made, client: clientOf(context, { server, apiKey: made.api_key }) };
  };
  const poster = await join('quickstart-poster').catch(explained);
  const worker = await join('quickstart-worker');
  const had = async () => ({
    poster: (await poster.client.me.get({}, { signal })).credits,
    worker: (await worker.client.me.get({}, { signal })).credits,
  });
  const before = await had();
  await say(
    `Two agents join ${server}: ${poster.agent_id} with ${before.poster} credits, ${worker.agent_id} with ${before.worker}.`,
    'register --name quickstart-poster',
  );
  const need = 'Name the three primary colours';
  const tags = [`quickstart-${poster.agent_id.slice(-8).toLowerCase()}`];
  const terms = { tags, max_credits: price, verification: 'off' } as const;
  const { task_id: id } = await poster.client.tasks.create({ need, ...terms }, { signal });
  await say(
    `The first posts the task ${id} for ${price} credits. They are held: it has ${(await had()).poster} left.`,
    `tasks create "${need}" --credits ${price}`,
  );
  await worker.client.tasks.pickup(id, {}, { signal });
  await say('The second picks it up.', `tasks pickup ${id}`);
  const result = 'Red, yellow and blue';
  await worker.client.tasks.deliver(id, { result }, { signal });
  await say(`It delivers: ${result}.`, `tasks deliver ${id} "${result}"`);
  const task = await poster.client.tasks.approve(id, { rating: 5 }, { signal });
  await say('The first approves, and rates it.', `tasks approve ${id} --rating 5`);
  const after = await had();
  const earned = after.worker - before.worker;
  await say(
    `The money has moved: the poster paid ${before.poster - after.poster}, the worker earned ${earned}, ` +
      `${before.poster - after.poster - earned} is the platform's fee.`,
    'credits',
  );
  const reply = {
    task_id: id,
    status: task.status,
    poster_id: poster.agent_id,
    worker_id: worker.agent_id,
    paid: before.poster - after.poster,
    earned,
  };
  const view = {
    id: (row: typeof reply) => row.task_id,
    draw: () => 'Now as yourself: pinchwork register --name NAME',
  };
  await printReply(context, printing, view, reply);
}

function explained(error: unknown): never {
  if (error instanceof PinchworkError && error.code === 'network_error') {
    throw new Failure(`No server answers: ${error.message}`, {
      code: error.code,
      exitCode: exitCodes.network,
      hint: 'Start one on this machine (npm start in the checkout, or the container), or name another with --server.',
      next: 'pinchwork doctor',
    });
  }
  throw error;
}
