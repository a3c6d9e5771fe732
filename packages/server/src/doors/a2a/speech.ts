import { RequestMalformedError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { endpoints, isId, type TaskStatus } from '@pinchwork/sdk/table';
import { DomainError, invalid } from '../../ground/errors.ts';
import { isEnded, stateOf } from '../../ground/states.ts';
import { contextFor, readA2aFacts } from '../../rules/tasks/contexts.ts';
import { readOwn } from '../../verbs/tasks/read.ts';
import type { Calls } from './calls.ts';
import { type Decision, decisionIn } from './decision.ts';
import { setPush } from './pushes.ts';
import type { Said } from './said.ts';

/** Posts a task. With `waitSeconds` the client gets it when it is delivered, or when the time is up. */
export function post(calls: Calls, { text, metadata, unknown, key, contextId, push }: Said, waitSeconds?: number) {
  const { decision: _, question_id: __, ...terms } = metadata;
  const body = {
    ...ignored(unknown),
    need: text,
    ...terms,
    ...(waitSeconds === undefined ? {} : { wait: waitSeconds }),
  };
  return calls.call(
    endpoints.createTask,
    { body },
    { idempotencyKey: key, contextId: contextId === '' ? undefined : contextId, push },
  );
}

/**
 * Unknown keys, as fields of the request without a value: its reply warns of them, as a reply of REST does. A key that is
 * a field of REST but no metadata gets a prefix, because it must not set that field.
 */
const ignored = (unknown: readonly string[]) =>
  Object.fromEntries(
    unknown.map((name) => [Object.hasOwn(endpoints.createTask.body.shape, name) ? `metadata.${name}` : name, null]),
  );

/**
 * Does what a message about a task says: it answers a question, decides about a delivery, or tells the worker something.
 * A repeated message that meant another endpoint at its first time has had its effect.
 *
 * @throws UnsupportedOperationError where the task has ended.
 */
export async function speak(calls: Calls, said: Said): Promise<void> {
  const giveBack = calls.count(endpoints.sendMessage);
  const status = await statusOf(calls, said.taskId);
  if (status !== undefined && said.contextId !== '' && said.contextId !== (await contextOf(calls, said.taskId))) {
    throw new RequestMalformedError('message.contextId is not the one of this task');
  }
  giveBack();
  if (said.push !== undefined) await setPush(calls, said.taskId, said.push);
  try {
    await obey(calls, said, status);
  } catch (error) {
    if (!isRefusal(error, 'idempotency_key_reused')) throw error;
  }
}

async function contextOf({ ctx, client }: Calls, id: string): Promise<string> {
  return contextFor(client.agentId, id, (await readA2aFacts(ctx.db, [id])).get(id));
}

/** The state of a task. Undefined: the client may not read it. */
async function statusOf({ ctx, client }: Calls, taskId: string): Promise<TaskStatus | undefined> {
  if (!isId('task', taskId)) return undefined;
  try {
    return (await readOwn(ctx, client.agentId, taskId)).status;
  } catch (error) {
    if (isRefusal(error, 'not_found')) return undefined;
    throw error;
  }
}

/** The id of the question that a message answers. What is no text is the id of none. */
const questionIn = ({ question_id: id }: Said['metadata']) => (typeof id === 'string' ? id : '');

/** Calls the endpoint that a message means. One is called in any case: it counts the request and asks for its scope. */
async function obey(calls: Calls, { taskId: id, text, metadata, key }: Said, status?: TaskStatus): Promise<void> {
  const state = status === undefined ? undefined : stateOf(status);
  const decision = decisionIn(metadata.decision ?? text, state?.a2a.decisions ?? []);
  if (decision !== undefined) return decide(calls, id, decision, key);
  if (state?.talk === 'questions') return answer(calls, { id, question_id: questionIn(metadata) }, text, key);
  try {
    await calls.call(endpoints.sendMessage, { params: { id }, body: { message: text } }, { idempotencyKey: key });
  } catch (error) {
    if (status === undefined || !isEnded(status) || !isRefusal(error, 'conflict')) throw error;
    throw new UnsupportedOperationError(withHint(error));
  }
}

async function decide(calls: Calls, id: string, { verb, body }: Decision, key: string): Promise<void> {
  await calls.call(
    verb === 'approve' ? endpoints.approve : endpoints.reject,
    { params: { id }, body },
    { idempotencyKey: key },
  );
}

type QuestionParams = Readonly<Record<'id' | 'question_id', string>>;

async function answer(calls: Calls, params: QuestionParams, text: string, key: string): Promise<void> {
  try {
    await calls.call(endpoints.answerQuestion, { params, body: { answer: text } }, { idempotencyKey: key });
  } catch (error) {
    if (isRefusal(error, 'not_found')) throw noQuestion();
    throw error;
  }
}

/** What an error of the package takes over from a refusal. */
export const withHint = ({ message, hint }: DomainError) => ({
  message,
  ...(hint === undefined ? {} : { metadata: { hint } }),
});

export const isRefusal = (error: unknown, code: DomainError['code']): error is DomainError =>
  error instanceof DomainError && error.code === code;

const noQuestion = () =>
  invalid(
    'metadata.questionId: there is no such question about this task',
    'The task is on the board: a message answers a question about it, whose id is in the history of the task.',
  );
