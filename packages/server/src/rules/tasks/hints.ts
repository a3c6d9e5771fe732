/**
 * Signals for pickups that wait (`rules/waiting/`). They are texts, so they reach the other servers too. A mark in front
 * tells them from the ids of tasks and agents.
 */
const arrivalMark = '+';
const limitMark = '!';

/** Signalled when agents may pick up a task that they could not pick up before. */
export const arrival = (taskId: string) => arrivalMark + taskId;

/** Signalled when an agent may have lost the right to pick up: it must pause, or holds as many claims as it may. */
export const limitReached = (agentId: string) => limitMark + agentId;

/** The task that a signal says has arrived; undefined for other signals. */
export const arrivedTask = (signal: string) => (signal.startsWith(arrivalMark) ? signal.slice(1) : undefined);

/** The agent that a signal is about; undefined for other signals. */
export const limitedAgent = (signal: string) => (signal.startsWith(limitMark) ? signal.slice(1) : undefined);
