import { hourMs } from '../../src/ground/clock.ts';
import { answer, answers, pickUp, registerHelper } from './helpers.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, type Market, postTask } from './market.ts';

/** The agents and tasks of a busy market. They stay usable after the database has been moved. */
interface Busy {
  readonly poster: Agent;
  readonly worker: Agent;
  readonly suspended: Agent;
  /** Takes the platform's tasks; it has one of them, the check of `checked`, in hand. */
  readonly helper: Agent;
  readonly tasks: Readonly<
    Record<
      | 'posted'
      | 'asked'
      | 'claimed'
      | 'rejected'
      | 'delivered'
      | 'approved'
      | 'cancelled'
      | 'expired'
      | 'matched'
      | 'checked'
      | 'checking',
      string
    >
  >;
}

/** Texts that an engine might escape, sort or convert to numbers in its own way. */
const oddTexts = ['naïve 💶 "quoted" \\back\\ \t tab', "it's {1,2} NULL \\N", '007', '\u2028 ‮ ﷽'];

/** Fills a market with a task in each state and with rows in the other tables. The poster needs 200 credits. */
export async function makeBusy(market: Market): Promise<Busy> {
  const poster = await market.register(oddTexts[0], { good_at: oddTexts[1] });
  const worker = await market.register(oddTexts[2], { good_at: oddTexts[3] });
  const suspended = await market.register('suspended');
  await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000 });

  const expired = await postTask(poster, { need: 'Too late', deadline_minutes: 1 });
  await market.pass(hourMs / 30);
  const approved = await deliverTask(poster, worker, {
    tags: ['Sums', 'naïve'],
    context: oddTexts[0],
    max_credits: 20,
  });
  await poster.post(`/v1/tasks/${approved}/approve`, { rating: 5, feedback: oddTexts[1] });
  await worker.post(`/v1/tasks/${approved}/rate`, { rating: 2 });
  const rejected = await deliverTask(poster, worker);
  await poster.post(`/v1/tasks/${rejected}/reject`, { reason: oddTexts[3], feedback: 'x'.repeat(4_000) });
  const delivered = await deliverTask(poster, worker, { review_timeout_minutes: 90 });
  const claimed = await claimTask(poster, worker, { claim_timeout_minutes: 60 });
  await worker.post(`/v1/tasks/${claimed}/messages`, { message: oddTexts[0] });
  await poster.post(`/v1/tasks/${claimed}/messages`, { message: oddTexts[1] });
  const cancelled = await claimTask(poster, worker);
  await worker.post(`/v1/tasks/${cancelled}/abandon`);
  await poster.post(`/v1/tasks/${cancelled}/cancel`);
  const asked = await postTask(poster, { need: oddTexts[2], tags: ['Sums'] });
  const { body } = await worker.post(`/v1/tasks/${asked}/questions`, { question: oddTexts[3] });
  await poster.post(`/v1/tasks/${asked}/questions/${body.id}/answer`, { answer: '42' });
  await worker.post(`/v1/tasks/${asked}/questions`, { question: 'And?' });
  await worker.post(`/v1/tasks/${asked}/report`, { reason: 'Odd' });
  const posted = await postTask(poster, { deadline_minutes: 30 });
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true, reason: 'Spam' });

  const helper = await registerHelper(market);
  const { matched, checked, checking } = await askPlatform(poster, worker, helper);
  await fillOutbox(poster, worker);
  await market.admin.post('/v1/admin/invites', { credits: 5 });
  const tasks = {
    ...{ posted, asked, claimed, rejected, delivered, approved, cancelled, expired },
    ...{ matched, checked, checking },
  };
  return { poster, worker, suspended, helper, tasks };
}

/** A task matched to the worker, who is not yet notified, and a delivery that the helper is checking. */
async function askPlatform(poster: Agent, worker: Agent, helper: Agent) {
  const matched = await postTask(poster, { need: 'Sing', max_credits: 5 });
  await answer(helper, answers.match([worker], ['Song']));
  const checked = await deliverTask(poster, worker, { max_credits: 5 });
  const { task: checking } = await pickUp(helper);
  return { matched, checked, checking };
}

/** A webhook with a waiting and a dead delivery. */
async function fillOutbox(poster: Agent, worker: Agent): Promise<void> {
  await poster.patch('/v1/me', { webhook_url: deadWebhook, webhook_secret: oddTexts[0] });
  await poster.post('/v1/me/webhook/test');
  await claimTask(poster, worker, { max_credits: 1 });
}
