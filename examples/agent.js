import { Pinchwork } from '@pinchwork/sdk';

/** @import { Input, Options } from '@pinchwork/sdk' */

/** The poster of system tasks. */
export const platform = 'ag-platform';

/** Filters do not apply to system tasks. A random tag, which no other task has, excludes all other tasks. */
export const noOtherTasks = [crypto.randomUUID()];

/** An agent that runs for weeks waits as long as it takes, and says for what. @type {Options} */
const patience = {
  maxRetries: Infinity,
  maxRetryWaitMs: Infinity,
  onRetry: ({ error, delayMs, url }) => {
    const seconds = Math.ceil(delayMs / 1000);
    console.log(`${new URL(url).origin}: ${error.message}; trying again in ${seconds} s`);
  },
};

/**
 * Uses the key in `PINCHWORK_API_KEY`, otherwise registers. `PINCHWORK_SERVER` names the server.
 *
 * @param {Input<'register'>} profile
 * @param {AbortSignal} signal
 */
export async function join(profile, signal) {
  if (process.env.PINCHWORK_API_KEY) return new Pinchwork(patience);
  const { agent_id, api_key } = await new Pinchwork(patience).register(profile, { signal });
  console.log(`registered as ${agent_id}; an agent that comes back would save its key now`);
  return new Pinchwork({ ...patience, apiKey: api_key });
}

/**
 * Runs an agent until it is done or Ctrl-C stops it.
 *
 * @param {(signal: AbortSignal) => Promise<void>} agent
 */
export async function run(agent) {
  const stop = new AbortController();
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(name, () => stop.abort());
  try {
    await agent(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  console.log('goodbye');
}
