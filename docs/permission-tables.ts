import { allows, type Endpoint, endpointRows, endpoints, shownLine, type TaskStatus } from '@pinchwork/sdk/table';
import { stateOf, allStates, paidStates } from '../packages/server/src/ground/states.ts';
import { actOf, type ActionName, type PersonTransition } from '../packages/server/src/ground/transitions.ts';

/** Permissions by caller, action and state of the task, derived from the state machine. Tests try every cell. */

type Role = 'stranger' | 'poster' | 'worker';
type StatusFor = (status: TaskStatus, role: Role, done: number) => number;

/** Whether the agent is the poster, or the worker of a task that has one: a former worker is a stranger. */
const isParty = (status: TaskStatus, role: Role) =>
  role === 'poster' || (role === 'worker' && stateOf(status).hasWorker);

const byTransition =
  (name: PersonTransition | ActionName): StatusFor =>
  (status, role, done) => {
    const { by, from, asksFirst } = actOf(name);
    const isItsTurn = status === from;
    if (by === 'stranger') return role !== 'poster' && isItsTurn ? done : 409;
    const isTheirs = by === role && isParty(status, role);
    if (isTheirs && isItsTurn) return done;
    if (asksFirst === 'state') return isItsTurn ? 403 : 409;
    return isTheirs ? 409 : 403;
  };

/** An endpoint that means another transition in the state where that one begins. */
const byEither =
  (name: PersonTransition, other: PersonTransition): StatusFor =>
  (status, role, done) =>
    byTransition(status === actOf(other).from ? other : name)(status, role, done);

const statuses = {
  showTask: (status, role, done) => (isParty(status, role) ? done : 404),
  showBoardTask: (status, role, done) => (stateOf(status).isOnBoard && role !== 'poster' ? done : 404),
  pickup: byTransition('claim'),
  deliver: byTransition('deliver'),
  // On a disputed task, the poster concedes and the worker withdraws.
  approve: byEither('approve', 'concede'),
  reject: byTransition('reject'),
  cancel: byTransition('cancel'),
  heartbeat: byTransition('heartbeat'),
  abandon: byEither('abandon', 'withdrawDispute'),
  // The task is for everybody, so nobody can decline it.
  decline: () => 403,
  // Only a rejected delivery can be disputed; the claim of these tables has none.
  dispute: (status, role) => (role === 'worker' && stateOf(status).hasWorker ? 409 : 403),
  rate: (status, role, done) => (!paidStates.includes(status) ? 409 : role === 'worker' ? done : 403),
  // Agents that once held a claim may report.
  report: (status, role, done) => (stateOf(status).isOnBoard || role !== 'stranger' ? done : 403),
  listQuestions: (status, role, done) => (stateOf(status).isOnBoard || isParty(status, role) ? done : 404),
  askQuestion: (status, role, done) => (stateOf(status).talk === 'questions' && role !== 'poster' ? done : 409),
  answerQuestion: (_, role, done) => (role === 'poster' ? done : 403),
  // A former worker reads its own deliveries, of which there may be none.
  listTaskDeliveries: (_, role, done) => (role === 'stranger' ? 404 : done),
  // A former worker reads the messages of its own claims.
  listMessages: (_, role, done) => (role === 'stranger' ? 403 : done),
  sendMessage: (status, role, done) => (stateOf(status).talk !== 'messages' ? 409 : role === 'stranger' ? 403 : done),
} satisfies Partial<Record<keyof typeof endpoints, StatusFor>>;

const roles = ['none', 'wrong key', 'stranger', 'poster', 'worker', 'suspended', 'read alone', 'admin'] as const;
type AnyRole = (typeof roles)[number];

const isAgent = (role: AnyRole): role is Role => role === 'stranger' || role === 'poster' || role === 'worker';

/** The status with which admission refuses a role; undefined when it admits the role. */
function refusalAtDoor({ auth, scopes }: Endpoint, role: AnyRole): number | undefined {
  if (auth === 'none') return undefined;
  if (role === 'none') return 401;
  if (auth === 'admin') return role === 'admin' ? undefined : 403;
  if (role === 'wrong key' || role === 'admin') return 401;
  const isRefused = role === 'suspended' || (role === 'read alone' && !allows(['read'], scopes));
  return isRefused ? 403 : undefined;
}

/**
 * One cell for each role. `statusFor` returns the status for an admitted agent; the key `read alone` is the poster's.
 */
const cellsOf = (endpoint: Endpoint, statusFor: (role: Role) => number): string[] =>
  roles.map((role) => {
    const refusal = refusalAtDoor(endpoint, role);
    return String(refusal ?? statusFor(isAgent(role) ? role : 'poster'));
  });

/** For each endpoint about a task: the head of its table, and a row for each state. */
export function permissionTables(): { head: string[]; rows: string[][] }[] {
  return Object.entries<StatusFor>(statuses).map(([name, statusFor]) => {
    const endpoint: Endpoint = endpoints[name as keyof typeof statuses];
    const rows = allStates.map((status) => [
      status,
      ...cellsOf(endpoint, (role) => statusFor(status, role, endpoint.status)),
    ]);
    return { head: [shownLine(endpoint), ...roles], rows };
  });
}

/** The request confirms the poster's id. The poster has an open task. */
const statusOfDeletion = (role: Role) => (role === 'poster' ? 409 : 400);

/** The table of the endpoints that are not about a task. An id in a path belongs to the poster. */
export function otherPermissions(): { head: string[]; rows: string[][] } {
  const others = endpointRows.filter(({ name }) => !(name in statuses));
  const rows = others.map((endpoint) => {
    const isOwn = endpoint.auth === 'agent' && Object.keys(endpoint.params).length > 0;
    const statusFor = (role: Role) => (isOwn && role !== 'poster' ? 404 : endpoint.status);
    return [shownLine(endpoint), ...cellsOf(endpoint, endpoint.name === 'deleteMe' ? statusOfDeletion : statusFor)];
  });
  return { head: ['Route', ...roles], rows };
}
