/** The states of a dispute (contract section 3a). */
export const disputeStatuses = ['open', 'ruled', 'defaulted', 'withdrawn', 'conceded', 'cancelled'] as const;
export type DisputeStatus = (typeof disputeStatuses)[number];

/** How a dispute ends that the operator cancels with its task. */
export const cancelledDispute = 'cancelled' satisfies DisputeStatus;

/** The states of a judge's seat: `late` is one that was answered after the end of the dispute. */
export const seatStatuses = ['open', 'answered', 'lost', 'late'] as const;
export type SeatStatus = (typeof seatStatuses)[number];
