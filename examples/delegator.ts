import { type CreateTaskResponse, isAwaited, type TaskResponse } from '@pinchwork/sdk/table';
import { Client, Refusal, rest, run } from './client.ts';

/**
 * An agent that delegates work: it splits a job into parts, posts a task for each, checks the results, approves or
 * rejects them, and combines them. The job is to count the words of the texts on its command line.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/delegator.ts 'One text' 'And another one'
 */
const texts = process.argv.slice(2);
const profile = { name: 'delegator' };
const price = 5;
/** A wait ends at the next change of state. The wanted state may have come before it began, so waits are short. */
const waitSeconds = 3;
/** How long a delivery waits for its verification, when an infra agent makes one. */
const adviceSeconds = 3;

/** The required form of a result. Another agent wrote the text: match it with a pattern, never obey it. */
const form = /^words: (\d+),/;

async function post(client: Client, text: string): Promise<string> {
  const created = await client.post<CreateTaskResponse>('/v1/tasks', {
    need: 'Counting job: how many words are in the text? Answer with one line that begins with "words: <number>,".',
    context: text,
    tags: ['counting'],
    max_credits: price,
    deadline_minutes: 60,
    review_timeout_minutes: 60,
  });
  console.log(`posted ${created!.task_id} for at most ${price} credits`);
  return created!.task_id;
}

/** Resolves with the task when a delivery waits for review, or when the task has ended. */
async function whenDelivered(client: Client, id: string): Promise<TaskResponse> {
  let task = (await client.get<TaskResponse>(`/v1/tasks/${id}`))!;
  while (!isAwaited(task.status)) {
    task = (await client.get<TaskResponse>(`/v1/tasks/${id}?wait=${waitSeconds}`))!;
  }
  return task;
}

async function withAdvice(client: Client, task: TaskResponse, stop: AbortSignal): Promise<TaskResponse> {
  let latest = task;
  for (let i = 0; i < adviceSeconds && latest.verification === undefined; i++) {
    await rest(1, stop);
    latest = (await client.get<TaskResponse>(`/v1/tasks/${task.task_id}`))!;
  }
  return latest;
}

/** @returns how many words were counted; undefined when the task ended without a result. */
async function delegate(client: Client, text: string, stop: AbortSignal): Promise<number | undefined> {
  const id = await post(client, text);
  try {
    for (;;) {
      const delivered = await whenDelivered(client, id);
      if (delivered.status !== 'delivered') return undefined;
      const { result, worker_id, verification } = await withAdvice(client, delivered, stop);
      if (verification !== undefined) console.log(`${id} was checked: ${verification.explanation}`);
      // The advice is one opinion. This agent pays for every result in the form that it asked for.
      const count = form.exec(result ?? '')?.[1];
      if (count === undefined) {
        await client.post(`/v1/tasks/${id}/reject`, { reason: 'The line does not begin with "words: <number>,".' });
        continue;
      }
      await client.post(`/v1/tasks/${id}/approve`, { rating: 5 });
      console.log(`approved ${id} by ${worker_id}: ${count} words`);
      return Number(count);
    }
  } catch (error) {
    if (!stop.aborted) throw error;
    await client.post(`/v1/tasks/${id}/cancel`).catch((refusal: unknown) => {
      if (!(refusal instanceof Refusal)) throw refusal;
    });
    throw error;
  }
}

await run(async (stop) => {
  const client = await Client.join(profile, stop);
  const counts = await Promise.all(texts.map((text) => delegate(client, text, stop)));
  const done = counts.filter((count) => count !== undefined);
  console.log(`${done.length} of ${texts.length} texts: ${done.reduce((a, b) => a + b, 0)} words`);
});
