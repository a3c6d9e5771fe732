import type {
  BodyOf,
  DryRunResponse,
  Endpoint,
  EndpointName,
  Endpoints,
  ParamsOf,
  QueryOf,
  ReplyOf,
} from '@pinchwork/sdk/table';
import { register, showCredits, showMe, updateMe } from '../verbs/agents/agents.ts';
import { deleteMe } from '../verbs/agents/deletion.ts';
import { debitCredits, grantCredits } from '../verbs/operator/credits.ts';
import { changeAgent } from '../verbs/agents/reissue.ts';
import { createKey, listKeys, revokeKey, rotateKey } from '../verbs/agents/keys.ts';
import { createInvite, listInvites, revokeInvite } from '../verbs/operator/invites.ts';
import { listAgents, showAgent } from '../verbs/agents/directory.ts';
import { cancelAsAdmin, redactTask } from '../verbs/operator/tasks.ts';
import { listAgentsAsAdmin, listTasksAsAdmin } from '../verbs/operator/lists.ts';
import { showOverview } from '../verbs/operator/overview.ts';
import { showAgentAsAdmin, showTaskAsAdmin } from '../verbs/operator/details.ts';
import { suspendAgent } from '../verbs/operator/suspension.ts';
import { listBoard, showBoardTask } from '../verbs/tasks/browse.ts';
import { boardFilter } from '../rules/board/filter.ts';
import type { Call, OtherSuccess } from '../verbs/context.ts';
import { listMessages, sendMessage } from '../verbs/conversation/messages.ts';
import { answerQuestion, askQuestion, listQuestions } from '../verbs/conversation/questions.ts';
import { listEvents } from '../verbs/events.ts';
import type { OpenStream } from '../rules/events/streams.ts';
import type { OpenMarketStream } from '../rules/market/stream.ts';
import { showMarket, showPrices } from '../verbs/figures.ts';
import { showAdminLog } from '../verbs/operator/admin-log.ts';
import { decideReport, listReports, reportTask } from '../verbs/operator/reports.ts';
import { declineTask } from '../verbs/tasks/decline.ts';
import { disputeRejection } from '../verbs/tasks/dispute.ts';
import { listDisputes, ruleDispute, showDispute } from '../verbs/operator/disputes.ts';
import { rate } from '../verbs/tasks/rate.ts';
import { showStats } from '../verbs/agents/stats.ts';
import { listTrust } from '../verbs/agents/trust.ts';
import { pickupBatch, pickupNext, pickupTask } from '../verbs/tasks/pickup.ts';
import { cancelTask, createTask } from '../verbs/tasks/post.ts';
import { listMyTasks, showTask } from '../verbs/tasks/read.ts';
import { listTaskDeliveries } from '../verbs/tasks/deliveries.ts';
import { approve, reject } from '../verbs/tasks/review.ts';
import { abandon, deliver, heartbeat } from '../verbs/tasks/work.ts';
import { listDeliveries, redeliver, testWebhook } from '../verbs/webhooks.ts';
import { capabilities } from './capabilities.ts';

/** The input of a handler, checked against the endpoint's row. */
export interface Input<E extends Endpoint> {
  readonly params: ParamsOf<E>;
  readonly query: QueryOf<E>;
  readonly body: BodyOf<E>;
  /** The whole body became the main field, although it could have been meant as fields. */
  readonly isBareAnswer: boolean;
}

/** The types of the rows leave out the reply of a trial, which most callers never ask for. */
type Output<E extends Endpoint> = E['isStream'] extends true
  ? OpenStream | OpenMarketStream
  : ReplyOf<E> | OtherSuccess<ReplyOf<E> | DryRunResponse>;

/** Calls the verb of an endpoint. Independent of any transport. */
type Handler<E extends Endpoint> = (call: Call, input: Input<E>) => Output<E> | Promise<Output<E>>;

/** The verb of every endpoint. A missing one is a type error. */
export const handlers: { readonly [Name in EndpointName]: Handler<Endpoints[Name]> } = {
  register: (call, { body }) => register(call, body),
  showCapabilities: ({ origin }) => capabilities(origin),

  createTask: (call, { body }) => createTask(call, body),
  listBoard: (call, { query }) => listBoard(call, query),
  showBoardTask: (call, { params }) => showBoardTask(call, params.id),
  listMyTasks: (call, { query }) => listMyTasks(call, query),
  showTask: (call, { params, query }) => showTask(call, params.id, query.wait),
  cancel: (call, { params }) => cancelTask(call, params.id),

  pickupNext: (call, { query, body }) =>
    pickupNext(
      call,
      boardFilter({ tags: body.tags ?? query.tags, search: body.search ?? query.search }),
      body.wait ?? query.wait,
    ),
  pickupBatch: (call, { body }) => pickupBatch(call, boardFilter(body), body.count),
  pickup: (call, { params }) => pickupTask(call, params.id),
  deliver: (call, { params, body, isBareAnswer }) => deliver(call, params.id, body, isBareAnswer),
  heartbeat: (call, { params, body }) => heartbeat(call, params.id, body),
  abandon: (call, { params, body }) => abandon(call, params.id, body),
  decline: (call, { params }) => declineTask(call, params.id),
  dispute: (call, { params, body }) => disputeRejection(call, params.id, body),

  approve: (call, { params, body }) => approve(call, params.id, body),
  reject: (call, { params, body }) => reject(call, params.id, body),
  rate: (call, { params, body }) => rate(call, params.id, body),
  report: (call, { params, body }) => reportTask(call, params.id, body),

  listQuestions: (call, { params, query }) => listQuestions(call, params.id, query),
  askQuestion: (call, { params, body }) => askQuestion(call, params.id, body),
  answerQuestion: (call, { params, body }) => answerQuestion(call, params.id, params.question_id, body),
  listTaskDeliveries: (call, { params, query }) => listTaskDeliveries(call, params.id, query),
  listMessages: (call, { params, query }) => listMessages(call, params.id, query),
  sendMessage: (call, { params, body }) => sendMessage(call, params.id, body),

  showMe: (call) => showMe(call),
  updateMe: (call, { body }) => updateMe(call, body),
  deleteMe: (call, { query }) => deleteMe(call, query.confirm),
  listKeys: (call) => listKeys(call),
  createKey: (call, { body }) => createKey(call, body),
  revokeKey: (call, { params }) => revokeKey(call, params.id),
  rotateKey: (call, { body }) => rotateKey(call, body.overlap_minutes ?? 0),
  showCredits: (call, { query }) => showCredits(call, query),
  showStats: (call) => showStats(call),
  listTrust: (call, { query }) => listTrust(call, query),

  streamEvents: ({ ctx, agentId, key }, { query }) => ctx.streams.open(agentId, { ...query, keyId: key?.id }),
  listEvents: (call, { query }) => listEvents(call, query),
  listDeliveries: (call, { query }) => listDeliveries(call, query),
  redeliver: (call, { params }) => redeliver(call, params.id),
  testWebhook: (call) => testWebhook(call),

  showMarket: (call) => showMarket(call),
  showPrices: (call, { query }) => showPrices(call, query),
  streamMarket: ({ ctx, address }) => ctx.feed.open(address),

  listAgents: (call, { query }) => listAgents(call, query),
  showAgent: (call, { params }) => showAgent(call, params.id),

  grantCredits: (call, { body }) => grantCredits(call, body),
  showOverview: (call) => showOverview(call),
  listAgentsAsAdmin: (call, { query }) => listAgentsAsAdmin(call, query),
  showAgentAsAdmin: (call, { params }) => showAgentAsAdmin(call, params.id),
  listTasksAsAdmin: (call, { query }) => listTasksAsAdmin(call, query),
  showTaskAsAdmin: (call, { params }) => showTaskAsAdmin(call, params.id),
  debitCredits: (call, { body }) => debitCredits(call, body),
  cancelTaskAsAdmin: (call, { params, body }) => cancelAsAdmin(call, params.id, body.reason),
  redactTask: (call, { params, body }) => redactTask(call, params.id, body.reason),
  suspendAgent: (call, { body }) => suspendAgent(call, body),
  changeAgent: (call, { params, body }) => changeAgent(call, params.id, body),
  listInvites: (call, { query }) => listInvites(call, query),
  createInvite: (call, { body }) => createInvite(call, body),
  revokeInvite: (call, { params }) => revokeInvite(call, params.id),
  audit: ({ ctx }) => ctx.audit(),
  listReports: (call, { query }) => listReports(call, query),
  decideReport: (call, { params, body }) => decideReport(call, params.id, body),
  listDisputes: (call, { query }) => listDisputes(call, query),
  showDispute: (call, { params }) => showDispute(call, params.id),
  ruleDispute: (call, { params, body }) => ruleDispute(call, params.id, body),
  showAdminLog: (call, { query }) => showAdminLog(call, query),

  // Alive: the process answers.
  health: () => ({ status: 'ok' }),
  // Ready: the storage takes writes.
  ready: ({ ctx }) => ctx.readiness.check(),
};
