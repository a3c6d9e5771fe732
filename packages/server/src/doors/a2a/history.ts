import type { Message } from '@a2a-js/sdk';
import { limits } from '@pinchwork/sdk/table';
import { listMessages } from '../../verbs/conversation/messages.ts';
import { listQuestions } from '../../verbs/conversation/questions.ts';
import type { Call } from '../../verbs/context.ts';
import { isRefusal } from './speech.ts';
import { message, type Shown } from './task.ts';

type Reader = Pick<Call, 'ctx' | 'agentId'>;

/** A message with its time, to sort by. */
interface Dated {
  readonly at: string;
  readonly said: Message;
}

/** The need of a task: the first message of its history. */
export const need = ({ task, contextId }: Pick<Shown, 'task' | 'contextId'>): Message =>
  message({ id: `${task.task_id}-need`, role: 'user', text: task.need, task, contextId });

/**
 * What was said about a task, oldest first: its need, the questions and their answers, the messages. The poster is the
 * user; everybody else speaks for this market.
 *
 * @param posterId who has posted the task.
 * @param length the most messages that are returned, the newest.
 */
export async function historyOf(
  reader: Reader,
  shown: Pick<Shown, 'task' | 'contextId'>,
  posterId: string,
  length: number = limits.pageSize,
): Promise<Message[]> {
  const talk = [...(await asked(reader, shown)), ...(await exchanged(reader, shown, posterId))];
  talk.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return [need(shown), ...talk.map(({ said }) => said)].slice(-length);
}

async function asked(reader: Reader, { task, contextId }: Pick<Shown, 'task' | 'contextId'>): Promise<Dated[]> {
  const questions = await newestOf(async (page) => {
    const { questions: rows, total } = await listQuestions(reader, task.task_id, page);
    return { rows, total };
  });
  return questions.flatMap(({ id, asker_id, question, answer, created_at, answered_at }) => {
    const metadata = { questionId: id };
    const told = message({
      id,
      role: 'agent',
      text: question,
      task,
      contextId,
      metadata: { ...metadata, askerId: asker_id },
    });
    if (answer === null || answered_at === null) return [{ at: created_at, said: told }];
    const reply = message({ id: `${id}-answer`, role: 'user', text: answer, task, contextId, metadata });
    return [
      { at: created_at, said: told },
      { at: answered_at, said: reply },
    ];
  });
}

async function exchanged(
  reader: Reader,
  { task, contextId }: Pick<Shown, 'task' | 'contextId'>,
  posterId: string,
): Promise<Dated[]> {
  const messages = await newestOf(async (page) => {
    const { messages: rows, total } = await listMessages(reader, task.task_id, page);
    return { rows, total };
  });
  return messages.map(({ id, sender_id, message: text, created_at }) => {
    const role = sender_id === posterId ? 'user' : 'agent';
    return { at: created_at, said: message({ id, role, text, task, contextId, metadata: { senderId: sender_id } }) };
  });
}

interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** The last page of a thread, which is listed oldest first. An agent that may not read the thread sees none of it. */
async function newestOf<T>(
  read: (page: Page) => Promise<{ readonly rows: readonly T[]; readonly total: number }>,
): Promise<readonly T[]> {
  try {
    const { rows, total } = await read({ limit: limits.pageSize, offset: 0 });
    return total <= limits.pageSize
      ? rows
      : (await read({ limit: limits.pageSize, offset: total - limits.pageSize })).rows;
  } catch (error) {
    if (isRefusal(error, 'forbidden') || isRefusal(error, 'not_found')) return [];
    throw error;
  }
}
