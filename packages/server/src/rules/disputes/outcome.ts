import { limits } from '@pinchwork/sdk/table';
import type { DisputeRow, SeatRow } from './queries.ts';

/** How a dispute ends (contract section 3a), as functions of its rows alone. */

/** Below this price a dispute has no judges: they would cost more than what they judge. */
const cheapest = 20;

/** How many judges a dispute about a task of a price has. */
export const judgesFor = (price: number, judges: number): number => (price < cheapest ? 0 : judges);

/** The deposit of a worker that disputes a task of a price. */
export const depositFor = (price: number, percent: number): number => Math.max(1, Math.floor((price * percent) / 100));

/** What a worker is charged for that gets a share of its charge. */
const creditsFor = (charged: number, share: number): number => Math.floor((charged * share) / 100);

/** The median of shares; of an even number the mean of the middle two, rounded down. */
function medianOf(shares: readonly number[]): number {
  const sorted = shares.toSorted((a, b) => a - b);
  const [low = 0, high = low] = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  return Math.floor((low + high) / 2);
}

type Terms = Pick<DisputeRow, 'judges' | 'charged' | 'default_share' | 'half_at' | 'deadline_at'>;
type Answers = readonly Pick<SeatRow, 'status' | 'worker_share' | 'explanation'>[];

const answered = (seats: Answers) => seats.filter(({ status }) => status === 'answered');

/** Whether at least half of the judges have answered, so that they decide. */
const isDecided = ({ judges }: Terms, seats: Answers): boolean => judges > 0 && 2 * answered(seats).length >= judges;

/** When the clock ends a dispute that has these seats now. */
export function endOf(dispute: Terms, seats: Answers, now: number): number {
  if (!isDecided(dispute, seats)) return dispute.deadline_at;
  return answered(seats).length >= dispute.judges ? now : Math.max(now, dispute.half_at);
}

interface Outcome {
  readonly status: 'ruled' | 'defaulted';
  readonly share: number;
  readonly credits: number;
  readonly explanation: string;
}

/** A share that comes to no credits is a share of 0 in everything. */
export function ruling(charged: number, share: number): Pick<Outcome, 'share' | 'credits'> {
  const credits = creditsFor(charged, share);
  return { share: credits === 0 ? 0 : share, credits };
}

/** How the clock ends a dispute that has these seats. */
export function outcomeOf(dispute: Terms, seats: Answers): Outcome {
  if (!isDecided(dispute, seats)) {
    return {
      status: 'defaulted',
      ...ruling(dispute.charged, dispute.default_share),
      explanation: 'Nobody ruled in time.',
    };
  }
  const answers = answered(seats);
  const share = medianOf(answers.map(({ worker_share }) => worker_share ?? 0));
  return { status: 'ruled', ...ruling(dispute.charged, share), explanation: joined(answers) };
}

const between = '\n\n';

/** The judges' explanations, sorted, so that their order tells nothing about the judges. Of many judges, each gets less. */
function joined(answers: Answers): string {
  const texts = answers.map(({ explanation }) => explanation ?? '').filter((text) => text !== '');
  const most = Math.floor((limits.explanationLength + between.length) / texts.length) - between.length;
  return texts
    .map((text) => Array.from(text).slice(0, most).join(''))
    .sort()
    .join(between);
}
