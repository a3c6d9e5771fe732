import { present } from '../../ground/present.ts';
import {
  claimLimits,
  mostSystemTasks,
  pickupStanding,
  type PickupStanding,
  systemClaims,
  tooManyClaims,
  tooManySystemTasks,
} from '../agents/claims.ts';
import { hasShareLeft, helpParams, isHelper } from '../agents/helpers.ts';
import { standingOf } from '../agents/queries.ts';
import { secondMs, wireTime } from '../../ground/clock.ts';
import type { Reader, Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { agentNotFound, agentSuspended, conflict, DomainError, forbidden, taskNotFound } from '../../ground/errors.ts';
import { actions, transitions } from '../../ground/machine.ts';
import { isEnded, stateOf, aTask } from '../../ground/states.ts';
import {
  type ActionName,
  actOf,
  isAction,
  kindsOf,
  type PersonTransition,
  transition,
  type TransitionName,
} from '../../ground/transitions.ts';
import { isFor } from './offers.ts';
import { judgeOf } from './guards.ts';
import { aboutOf, latestClaimEnd, taskById, type TaskRow } from './queries.ts';
import { isParty } from './view.ts';

/** A transition that an agent has tried. */
interface Attempt {
  readonly taskId: string;
  readonly actorId: string;
  /** The claim that the agent means; null if it names none. */
  readonly claimNumber?: number | null;
}

/**
 * Finds out why a guarded statement changed no row: there is no such task, the agent may not move it, or its state does
 * not allow it. The transition's row (`asksFirst`) says which of the last two is checked first.
 *
 * @returns the error to throw; never undefined.
 * @throws DomainError for a claim, like `refuseIfBarred`.
 */
export async function refusal(
  work: Work,
  name: PersonTransition | ActionName,
  { taskId, actorId, claimNumber = null }: Attempt,
): Promise<DomainError> {
  const { tx, now } = work;
  const row = actOf(name);
  const standing = name === 'claim' ? await refuseIfBarred(work, actorId) : undefined;
  const task = await tx.first(taskById, { id: taskId });
  if (standing !== undefined && standing.claims_left <= 0 && (task === undefined || task.kind === 'work')) {
    return tooManyClaims(work.ctx.config);
  }
  if (task === undefined) return taskNotFound();
  if (row.by === 'stranger' && task.poster_id === actorId) {
    return conflict("You can't pick up your own task", 'GET /v1/tasks/available lists what others have posted.');
  }
  if (row.by === 'stranger' && (await isHidden(tx, task))) return taskNotFound();
  if (row.by === 'stranger' && stateOf(task.status).hasWorker && task.worker_id === actorId) {
    return conflict('You have picked this task up already', nextStep(task, actorId));
  }
  if (row.by === 'stranger' && !(await isFor(tx, task, actorId))) {
    return conflict('The task is only for agents that its poster has chosen', nextWork);
  }
  if (row.by === 'stranger') {
    const barred = await refusalOfHelp(work, task, actorId);
    if (barred !== undefined) return barred;
  }
  const stateRefusal = (await refusalOfRepeat(tx, task, name, actorId)) ?? refusalOfState(task, name, actorId, now);
  if (row.asksFirst === 'state' && stateRefusal !== undefined) return stateRefusal;
  if (row.by === 'poster' && task.poster_id !== actorId) {
    return forbidden(
      `Only the task's poster can do that`,
      'Use the key of the agent who posted the task. GET /v1/tasks/mine?role=poster lists yours.',
    );
  }
  if (row.by === 'worker' && task.worker_id !== actorId) {
    const lost = await lostClaim(tx, task, actorId);
    if (lost !== undefined) return lost;
    // Every agent sees what is on the board; of any other task, a stranger learns no state.
    const isSeen = stateOf(task.status).isOnBoard && (await isFor(tx, task, actorId));
    const hint = isSeen || isParty(task, actorId) ? nextStep(task, actorId) : nextWork;
    return forbidden(`Only the task's worker can do that`, hint);
  }
  if (stateRefusal !== undefined) return stateRefusal;
  if (claimNumber !== null && claimNumber !== task.claim_number) {
    return conflict(
      `Claim ${claimNumber} of this task is over; your current claim is ${task.claim_number}`,
      `Leave out claim_number, or give the current one, to act on the current claim: GET /v1/tasks/${taskId} has it.`,
    );
  }
  if (name === 'deliver' && task.deliveries_left === 0) {
    return conflict(
      'Your delivery was rejected for the last time, so you can deliver no more in this claim',
      `If the rejection is wrong, dispute it with POST /v1/tasks/${task.id}/dispute; else give the task up with POST /v1/tasks/${task.id}/abandon, which counts for nothing.`,
    );
  }
  // Another request moved the task between the statement and this read.
  return conflict('The task was changed by another request at the same moment', 'Read the task and decide again.');
}

/** Why an agent may not claim a system task, or a task that it had a system task about (contract section 6). */
async function refusalOfHelp(work: Work, task: TaskRow, agentId: string): Promise<DomainError | undefined> {
  const { ctx, tx, now } = work;
  if (!stateOf(task.status).isOnBoard) return undefined;
  if (task.kind === 'work') {
    return task.barred.includes(agentId)
      ? conflict(
          'You cannot work on this task: its poster has excluded you, or you have been asked to match or check it',
          'Pick up another one.',
        )
      : undefined;
  }
  if (task.kind === 'judge') {
    if ((await tx.first(judgeOf, { id: task.id }))?.judge_id !== agentId) {
      return conflict('Another agent was drawn to judge this dispute, or it has ended', 'Pick up another task.');
    }
    return (await tx.one(systemClaims, { id: agentId })).claims >= mostSystemTasks ? tooManySystemTasks() : undefined;
  }
  const agent = await tx.first(standingOf, { id: agentId });
  if (agent === undefined || !isHelper(agent, ctx.config)) {
    return conflict(
      "This is one of the platform's own tasks, for agents that take them",
      ctx.config.systemTasks.infraAgents === 'open'
        ? 'Set accepts_system_tasks to true with PATCH /v1/me, or pick up another task.'
        : 'The operator of this server chooses these agents. Pick up another task.',
    );
  }
  const about = await tx.first(taskById, { id: aboutOf(task) });
  if (task.about_id === agentId || (about !== undefined && isParty(about, agentId))) {
    return conflict(
      'This task is about you or one of your own tasks, so another agent must do it',
      'Pick up another task.',
    );
  }
  const isOver =
    (task.kind === 'match' && (about === undefined || !stateOf(about.status).isOnBoard || about.claim_number > 0)) ||
    (task.kind === 'verify' && about?.version !== task.about_version);
  if (isOver) {
    return conflict('This task is no longer needed: the task that it is about has moved on', 'Pick up another task.');
  }
  if ((await tx.one(systemClaims, { id: agentId })).claims >= mostSystemTasks) return tooManySystemTasks();
  const share = await tx.first(hasShareLeft, { id: task.id, helper: agentId, ...helpParams(ctx.config, now) });
  return share !== undefined && !share.room
    ? conflict(
        "You have had your share of the platform's own tasks: of this hour's credits, or of this poster's tasks today",
        'Pick up another task; there is more in the next hour, or about another poster.',
      )
    : undefined;
}

/**
 * Checks that an agent may pick up tasks now.
 *
 * @returns its standing, with the claims that it has left.
 * @throws DomainError `pickups_paused` during the cooldown (contract section 3), `agent_suspended`, `agent_not_found`.
 */
export async function refuseIfBarred({ ctx, tx, now }: Work, agentId: string): Promise<PickupStanding> {
  const agent = await tx.first(pickupStanding, { id: agentId, ...claimLimits(ctx.config) });
  if (agent === undefined) throw agentNotFound();
  if (agent.suspended_at !== null) throw agentSuspended();
  const { pickups_paused_until: until } = agent;
  if (until === null || until <= now) return agent;
  throw new DomainError(
    'pickups_paused',
    `You have abandoned too many tasks and can't pick up any until ${wireTime(until)}`,
    'Deliver what you have claimed meanwhile, and pick up only what you can do.',
    { retryAfterSeconds: Math.ceil((until - now) / secondMs) },
  );
}

/** Whether a posted task is hidden, because its poster is suspended (contract section 10). */
export async function isHidden(db: Reader, task: Pick<TaskRow, 'status' | 'poster_id'>): Promise<boolean> {
  if (!stateOf(task.status).isOnBoard) return false;
  const poster = await db.first(standingOf, { id: task.poster_id });
  return poster?.suspended_at != null;
}

/** Why the latest worker of a task without a worker has it no more, if the clock, the operator or a dispute ended its claim. */
async function lostClaim(tx: Tx, task: TaskRow, agentId: string): Promise<DomainError | undefined> {
  // If the task has a worker, the last ended claim is not the current one.
  if (task.worker_id !== null) return undefined;
  const end = await tx.first(latestClaimEnd, { task_id: task.id });
  if (end?.worker_id !== agentId) return undefined;
  const { from, to } = transition(end.transition as TransitionName);
  if (from === transitions.dispute.to && stateOf(to).isOnBoard) {
    return conflict(
      'Your dispute about this task is over, and the task never comes to you again',
      `GET /v1/tasks/${task.id}/deliveries shows how it ended. ${nextWork}`,
    );
  }
  if (end.actor_id === null) {
    return conflict('Your claim on this task has timed out', 'If it is on the board again, pick it up once more.');
  }
  return end.actor_id === 'admin' && isEnded(to)
    ? conflict('The operator has cancelled this task, and your claim with it', `Its event says why. ${nextWork}`)
    : undefined;
}

const nextWork = 'POST /v1/tasks/pickup gives you a task; GET /v1/tasks/mine?role=worker lists those you have.';

/** What an agent can do next with a task that it may know of. */
function nextStep(task: Pick<TaskRow, 'id' | 'kind' | 'status' | 'poster_id' | 'worker_id'>, agentId: string): string {
  const { next } = stateOf(task.status);
  // System tasks take no ratings.
  if (task.kind !== 'work' && isEnded(task.status)) return nextWork;
  const role = task.poster_id === agentId ? 'poster' : task.worker_id === agentId ? 'worker' : 'other';
  return next[role].replaceAll('{id}', task.id);
}

/** What somebody is told who asks again for what it has done already. */
async function refusalOfRepeat(
  tx: Tx,
  task: TaskRow,
  name: PersonTransition | ActionName,
  actorId: string,
): Promise<DomainError | undefined> {
  if (task.kind !== 'work') return undefined;
  const { to, by, done } = actOf(name);
  const isDone = by === 'poster' ? task.poster_id === actorId : by === 'worker' && task.worker_id === actorId;
  // A claim that has a grace is one whose delivery was rejected; without, nobody has delivered yet.
  if (isDone && task.status === to && (name !== 'reject' || task.grace_deadline_at !== null)) {
    return conflict(`The task is ${present(done, `The word for ${name}`)} already`, nextStep(task, actorId));
  }
  if (name !== 'abandon' || task.worker_id !== null) return undefined;
  const end = await tx.first(latestClaimEnd, { task_id: task.id });
  return end?.actor_id === actorId && end.worker_id === actorId
    ? conflict('You have given this task up already', nextStep({ ...task, worker_id: actorId }, actorId))
    : undefined;
}

function refusalOfState(
  task: TaskRow,
  name: PersonTransition | ActionName,
  actorId: string,
  now: number,
): DomainError | undefined {
  const { from, done } = isAction(name) ? actions[name] : transitions[name];
  const isForWork = isAction(name) || kindsOf(name).includes('work');
  if (task.kind !== 'work' && isForWork && name !== 'claim') {
    return conflict("This is one of the platform's own tasks: its answer is approved or refused at once");
  }
  if (task.status !== from) {
    return conflict(`The task is ${task.status}; only ${aTask([from])} can be ${done}`, nextStep(task, actorId));
  }
  if (name === 'dispute' && task.grace_deadline_at === null) {
    return conflict(
      'Only a rejected delivery can be disputed, in the grace after its rejection',
      nextStep(task, actorId),
    );
  }
  if (task.due_at !== null && task.due_at <= now) {
    return conflict(
      `${stateOf(from).timeIsUp}, so the task can't be ${done} any more`,
      'In some seconds it is in its next state: GET /v1/tasks/{id} shows it to its poster and its worker.',
    );
  }
  return undefined;
}
