/** The record of a poster that has posted nothing, apart from its name. */
export const emptyRecord = {
  tasks_posted: 0,
  completed: 0,
  rejection_rate: null,
  cancelled_after_rejection: 0,
  disputes_lost: 0,
  median_review_minutes: null,
};
