import { allows, type Endpoint, endpoints, shownPath, type TaskStatus } from '@pinchwork/sdk';
import { stateOf, allStates, paidStates } from '../packages/server/src/ground/states.ts';
import { type TransitionName, transition } from '../packages/server/src/ground/transitions.ts';

/** Who may do what to a task in which state, from the state machine. Tests try every cell. */

type Role = 'stranger' | 'poster' | 'worker';
type StatusFor = (status: TaskStatus, role: Role, done: number) => number;

/** Whether the agent is the poster, or the worker of a task that has one: a former worker is a stranger. */
const isParty = (status: TaskStatus, role: Role) =>
  role === 'poster' || (role === 'worker' && stateOf(status).hasWorker);

const byTransition =
  (name: TransitionName): StatusFor =>
  (status, role, done) => {
    const { by, from, asksFirst } = transition(name);
    const isItsTurn = status === from;
    if (by === 'stranger') return role !== 'poster' && isItsTurn ? done : 409;
    const isTheirs = by === role && isParty(status, role);
    if (isTheirs && isItsTurn) return done;
    if (asksFirst === 'state') return isItsTurn ? 403 : 409;
    return isTheirs ? 409 : 403;
  };

const statuses = {
  showTask: (status, role, done) => (isParty(status, role) ? done : 404),
  pickup: byTransition('claim'),
  deliver: byTransition('deliver'),
  approve: byTransition('approve'),
  reject: byTransition('reject'),
  cancel: byTransition('cancel'),
  abandon: byTransition('abandon'),
  rate: (status, role, done) => (!paidStates.includes(status) ? 409 : role === 'worker' ? done : 403),
  report: (status, role, done) => (stateOf(status).isOnBoard || isParty(status, role) ? done : 403),
  listQuestions: (status, role, done) => (stateOf(status).isOnBoard || isParty(status, role) ? done : 404),
  askQuestion: (status, role, done) => (stateOf(status).talk === 'questions' && role !== 'poster' ? done : 409),
  answerQuestion: (_, role, done) => (role === 'poster' ? done : 403),
  // A former worker reads the messages of its own claims.
  listMessages: (_, role, done) => (role === 'stranger' ? 403 : done),
  sendMessage: (status, role, done) => (stateOf(status).talk !== 'messages' ? 409 : role === 'stranger' ? 403 : done),
} satisfies Partial<Record<keyof typeof endpoints, StatusFor>>;

const roles = ['none', 'wrong key', 'stranger', 'poster', 'worker', 'suspended', 'read alone', 'admin'];

/** For each endpoint about a task: the head of its table, and a row for each state. */
export function permissionTables(): { head: string[]; rows: string[][] }[] {
  return Object.entries<StatusFor>(statuses).map(([name, statusFor]) => {
    const { method, path, scopes, status: done }: Endpoint = endpoints[name as keyof typeof statuses];
    const rows = allStates.map((status) => {
      const agents = (['stranger', 'poster', 'worker'] as const).map((role) => statusFor(status, role, done));
      const readAlone = allows(['read'], scopes) ? statusFor(status, 'poster', done) : 403;
      return [status, 401, 401, ...agents, 403, readAlone, 401].map(String);
    });
    return { head: [`${method} ${shownPath(path)}`, ...roles], rows };
  });
}
