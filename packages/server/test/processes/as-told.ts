import type { EventHistoryResponse, EventRow, TaskResponse } from '@pinchwork/sdk/table';
import { expect } from 'vitest';
import type { Agent } from '../support/market.ts';
import { type Chapter, feePercent, initialCredits, shown } from './history.ts';

/** All events of an agent, read from its event history. */
export async function eventsOf(agent: Agent): Promise<EventRow[]> {
  const events: EventRow[] = [];
  for (let after = 0, more = true; more;) {
    const { status, body, text } = await agent.get(`/v1/events/history?after=${after}&limit=100`);
    if (status !== 200) throw new Error(`The history of events answered ${status}: ${text}`);
    const page = body as EventHistoryResponse;
    events.push(...page.events);
    ({ next: after, more } = page);
  }
  return events;
}

/** Events sent to every agent matched to a task. A history cannot predict which agents are matched. */
const toldToChosen: readonly EventRow['type'][] = ['task_matched', 'task_cancelled', 'task_verified'];

/** Compares the tasks and balances of two agents with their events. @returns the number of tasks. */
export async function expectAsTold({ granted, stories }: Chapter, poster: Agent, worker: Agent): Promise<number> {
  const { body } = await poster.get('/v1/tasks/mine?role=poster&limit=100');
  const tasks = body.tasks as TaskResponse[];
  const [posterEvents, workerEvents] = [await eventsOf(poster), await eventsOf(worker)];
  const typesOf = (events: readonly EventRow[], task: TaskResponse) =>
    events.filter(({ task_id }) => task_id === task.task_id).map(({ type }) => type);
  const own = (types: readonly EventRow['type'][]) => types.filter((type) => !toldToChosen.includes(type));
  let spent = 0;
  let earned = 0;
  for (const { need, price, may } of stories) {
    const found = tasks.filter((task) => task.need === need);
    expect(found.length).toBeLessThanOrEqual(1);
    const [task] = found;
    const told = task && { poster: own(typesOf(posterEvents, task)), worker: own(typesOf(workerEvents, task)) };
    const foretold = may.map((view) => view && { ...shown(view), told: view.told });
    expect(foretold).toContainEqual(task && { ...shown(task), told });
    if (task === undefined) continue;
    const about = typesOf(workerEvents, task);
    const wasChosen = about.includes('task_matched');
    expect(about.filter((type) => type === 'task_cancelled').length).toBe(
      wasChosen && task.status === 'cancelled' ? 1 : 0,
    );
    if (task.status === 'cancelled') continue;
    const charged = task.credits_charged ?? 0;
    if (task.status === 'approved') earned += charged - Math.floor((charged * feePercent) / 100);
    spent += task.status === 'approved' ? charged : price;
  }
  expect(tasks.length).toBeLessThanOrEqual(stories.length);
  expect((await poster.get('/v1/me')).body.credits).toBe(initialCredits + granted - spent);
  expect((await worker.get('/v1/me')).body.credits).toBe(initialCredits + earned);
  return tasks.length;
}
