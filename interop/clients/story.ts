import { type OpenMarket, type Result, withMarket } from '../market.ts';

/** Calls a tool. @returns the text that a model sees */
type Call = (tool: string, given: Record<string, unknown>) => Promise<string>;

/** An agent's connection by the client of a library. */
export interface Connection {
  readonly call: Call;
  close(): Promise<unknown>;
}

/** The id of the task in an answer. @throws Error for an answer without one. */
function idIn(text: string): string {
  const [id] = /tk-\w{12}/.exec(text) ?? [];
  if (id === undefined) throw new Error(`No task: ${text}`);
  return id;
}

function expectIn(text: string, wanted: string): void {
  if (!text.includes(wanted)) throw new Error(`"${wanted}" is not in ${text}`);
}

/** One agent hires another: delegate, pick up, deliver, approve. @throws Error where an answer is another one. */
async function play(hire: Call, work: Call): Promise<void> {
  const task_id = idIn(await hire('pinchwork_delegate', { need: 'Count the words', max_credits: 10 }));
  if (idIn(await work('pinchwork_pickup', {})) !== task_id) throw new Error('Another task was picked up');
  expectIn(await work('pinchwork_deliver', { task_id, result: 'Seven' }), 'delivered');
  expectIn(await hire('pinchwork_task_detail', { task_id, wait: 2 }), 'Seven');
  expectIn(await hire('pinchwork_approve', { task_id, rating: 5 }), 'approved');
}

/** Checks in the books that the worker was paid. */
export async function expectPaid({ url }: OpenMarket, key: string): Promise<void> {
  const reply = await fetch(new URL('/v1/me', url), {
    headers: { authorization: `Bearer ${key}`, accept: 'application/json' },
  });
  const { credits } = (await reply.json()) as { credits: number };
  if (credits !== 109) throw new Error(`The worker has ${credits} credits in place of 109`);
}

export const done: Result = { isOk: true, summary: 'delegate, pick up, deliver, approve', output: '' };

/** Plays the story by a library. */
export const playWith = (open: (url: string, key: string) => Promise<Connection>): Promise<Result> =>
  withMarket(async (market) => {
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const address = new URL('/mcp', market.url).href;
    const connections = [await open(address, poster), await open(address, worker)] as const;
    try {
      await play(connections[0].call, connections[1].call);
    } finally {
      for (const connection of connections) await connection.close();
    }
    await expectPaid(market, worker);
    return done;
  });
