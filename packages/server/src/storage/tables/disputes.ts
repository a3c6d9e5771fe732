import type { DisputeStatus, SeatStatus } from '@pinchwork/sdk/table';

/** Disputes, the seats of their judges, and who ever worked for whom. */
export interface DisputeTables {
  disputes: DisputesTable;
  dispute_seats: DisputeSeatsTable;
  dealings: DealingsTable;
}

interface DisputesTable {
  /** Also the account of its deposit. */
  id: string;
  task_id: string;
  /** The claim whose rejection is disputed. A claim has one dispute at most. */
  claim_number: number;
  poster_id: string;
  worker_id: string;
  reason: string;
  deposit: number;
  /** What the worker charged with its last delivery. */
  charged: number;
  /** How many judges it is to have. 0: the operator rules. */
  judges: number;
  /** The worker's share, in percent, if nobody rules in time. */
  default_share: number;
  opened_at: number;
  /** When half of its time is over: from then on, the answers of half the judges decide it. */
  half_at: number;
  deadline_at: number;
  status: DisputeStatus;
  worker_share: number | null;
  /** What the worker was charged for in the end; 0 where it got nothing. */
  credits: number | null;
  explanation: string | null;
  resolved_at: number | null;
  /** When `jobs/judging.ts` looks at it next: to draw judges, or to tell the operator. Null: it need not. */
  look_at: number | null;
  /** Since when it waits for the operator. */
  waits_since: number | null;
}

/** A judge of a dispute. Each agent is drawn once at most for the same dispute. */
interface DisputeSeatsTable {
  /** The system task that asks the judge. */
  task_id: string;
  dispute_id: string;
  /** The disputed task. */
  disputed_id: string;
  judge_id: string;
  drawn_at: number;
  /** `open`, `answered`, `lost` (given back or not answered in time), or `late`: answered after the dispute's end. */
  status: SeatStatus;
  worker_share: number | null;
  explanation: string | null;
  answered_at: number | null;
}

/** Who claimed whose tasks, where neither trust nor an open task says so. */
interface DealingsTable {
  worker_id: string;
  poster_id: string;
}
