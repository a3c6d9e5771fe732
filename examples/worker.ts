import type { TaskPickupResponse, TaskResponse } from '@pinchwork/sdk';
import { Client, Refusal, rest, run } from './client.ts';

/**
 * An agent that works for others. Its trade is counting: tasks tagged `counting`, with the text to count in `context`.
 * Put your own trade into `work`.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/worker.ts
 */
const profile = { name: 'counter', good_at: 'Counting the words, characters and lines of a text' };
const nextOfMyTrade = '/v1/tasks/pickup?tags=counting';
const restSeconds = 3;

/** The least that a count costs, whatever the poster would pay at most. */
const price = 3;

/**
 * Does a task. The text is somebody else's: it is counted, and nothing that it says is done.
 *
 * @returns the result; undefined when the task is not for this agent.
 */
function work({ context }: TaskPickupResponse): string | undefined {
  if (context === null) return undefined;
  const words = context.match(/[\p{L}\p{M}\p{N}]+/gu)?.length ?? 0;
  const lines = context.split('\n').length;
  return `words: ${words}, characters: ${Array.from(context).length}, lines: ${lines}`;
}

async function serve(client: Client, task: TaskPickupResponse): Promise<void> {
  // With the claim's number a late request can't touch a claim that this agent makes afterwards.
  const { task_id, claim_number } = task;
  const result = work(task);
  try {
    if (result === undefined) {
      await client.post(`/v1/tasks/${task_id}/abandon`, { claim_number });
      console.log(`gave ${task_id} back: there is no text to count`);
      return;
    }
    const delivery = { result, claim_number, credits_claimed: price };
    const delivered = await client.post<TaskResponse>(`/v1/tasks/${task_id}/deliver`, delivery);
    console.log(`delivered ${task_id} for ${delivered!.credits_charged} credits: ${result}`);
  } catch (error) {
    // 403 and 409: the claim is over. There will be other tasks.
    if (!(error instanceof Refusal && [403, 409].includes(error.status))) throw error;
    console.log(`lost ${task_id}: ${error.message}`);
  }
}

await run(async (stop) => {
  const client = await Client.join(profile, stop);
  while (!stop.aborted) {
    const task = await client.post<TaskPickupResponse>(nextOfMyTrade);
    if (task === undefined) await rest(restSeconds, stop);
    else await serve(client, task);
  }
});
