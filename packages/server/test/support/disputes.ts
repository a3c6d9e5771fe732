import { type Agent, deliverTask, type Market, type Reply } from './market.ts';

/** An agent that judges disputes, named by the operator, so that it need not have worked for others. */
export async function registerJudge(market: Market, name = 'judge'): Promise<Agent> {
  const judge = await market.register(name, { accepts_system_tasks: true, judges_disputes: true });
  const { status, text } = await market.admin.post(`/v1/admin/agents/${judge.id}`, { judges_disputes: true });
  if (status !== 200) throw new Error(`The operator was answered ${status}: ${text}`);
  return judge;
}

export const registerJudges = (market: Market, count: number): Promise<Agent[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => registerJudge(market, `judge ${i}`)));

interface Disputed {
  readonly task: string;
  readonly dispute: string;
  readonly deposit: number;
}

/** A delivery of a task, rejected once. */
export async function rejectTask(poster: Agent, worker: Agent, fields: object = {}): Promise<string> {
  const task = await deliverTask(poster, worker, { max_credits: 100, ...fields });
  const { status, text } = await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
  if (status !== 200) throw new Error(`Reject answered ${status}: ${text}`);
  return task;
}

/** A task whose worker disputes its rejection. The judges are drawn. */
export async function disputeTask(
  market: Market,
  { poster, worker }: { poster: Agent; worker: Agent },
  fields: object = {},
): Promise<Disputed> {
  const task = await rejectTask(poster, worker, fields);
  const { status, body, text } = await worker.post(`/v1/tasks/${task}/dispute`, { reason: 'It counts them all' });
  if (status !== 201) throw new Error(`Dispute answered ${status}: ${text}`);
  await market.ctx.judging.pass();
  return { task, dispute: body.dispute_id, deposit: body.deposit };
}

export const verdict = (worker_share: number, explanation = `I say ${worker_share}`) =>
  JSON.stringify({ worker_share, explanation });

/** Picks up the seat of a judge. @returns the system task; undefined if it has none. */
export async function takeSeat(judge: Agent): Promise<string | undefined> {
  const { status, body } = await judge.post('/v1/tasks/pickup');
  return status === 200 && body.need.startsWith('Judge the dispute') ? body.task_id : undefined;
}

/** Picks up the seat of a judge and answers it. */
export async function judge(agent: Agent, share: number): Promise<Reply> {
  const seat = await takeSeat(agent);
  if (seat === undefined) throw new Error('The judge has no seat');
  return agent.post(`/v1/tasks/${seat}/deliver`, { result: verdict(share) });
}

/** The judges that have a seat now, which they pick up. */
export async function seated(judges: readonly Agent[]): Promise<{ judge: Agent; seat: string }[]> {
  const found: { judge: Agent; seat: string }[] = [];
  for (const agent of judges) {
    const seat = await takeSeat(agent);
    if (seat !== undefined) found.push({ judge: agent, seat });
  }
  return found;
}
