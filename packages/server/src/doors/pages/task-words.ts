import type { ClockColumn } from '../../ground/machine/rows.ts';
import { stateOf } from '../../ground/states.ts';
import { transition, type TransitionName } from '../../ground/transitions.ts';

/** The history of a task in the words of its page. */

/** Why a task came into a state, where the state alone does not say it. */
const reasons: Partial<Record<TransitionName, string>> = {
  approveAtOnce: 'the result fits the acceptance',
  reject: 'the delivery was rejected',
  rejectSuspended: 'the delivery was rejected',
  abandon: 'the worker gave it back',
  dismissWorker: 'the worker was suspended',
  cancel: 'by its poster',
  cancelPosted: 'by the operator',
  cancelClaimed: 'by the operator',
  cancelDelivered: 'by the operator',
  cancelDisputed: 'by the operator',
  missDeadline: 'its deadline passed',
  expire: 'nobody finished it in time',
  loseToDeadline: 'its deadline passed',
  timeOutClaim: 'the claim ran out',
  endGrace: 'nothing was delivered after the rejection',
  missHeartbeat: 'no heartbeat came',
  approveByTime: 'nobody reviewed it in time',
  withdrawDispute: 'the worker withdrew the dispute',
  concede: 'the poster conceded',
  decideForWorker: 'by ruling',
  decideForPoster: 'by ruling',
  ruleForWorker: 'by ruling',
  ruleForPoster: 'by ruling',
};

export const reasonOf = (name: TransitionName): string => reasons[name] ?? '';

/** A deadline by its column. */
export const clockNames: Record<ClockColumn, string> = {
  deadline_at: 'Deadline',
  expires_at: 'Leaves the board',
  claim_deadline_at: 'Claim ends',
  grace_deadline_at: 'Grace ends',
  heartbeat_deadline_at: 'Heartbeat due',
  review_deadline_at: 'Review ends',
  dispute_due_at: 'Ruling due',
};

/** What happens to a task and its credits when a deadline passes. */
export function consequenceOf(name: TransitionName): string {
  const { to, credits, standing } = transition(name);
  if (standing === 'ruling') return 'the dispute is decided';
  if (credits === 'void') return 'the hold goes back to the poster';
  if (credits === 'settle') return 'it counts as approved, and the worker is paid';
  return stateOf(to).isOnBoard ? 'it goes back to the board' : 'it goes on';
}
