import { faultsIn } from '../fault.ts';

const life = 'rules/lifecycle/';
const system =
  'platform-tasks/platform-tasks platform-tasks/verification platform-tasks/extraction platform-tasks/withdrawal';
const waits = 'verbs/tasks/wait-for-work';

export const lifecycleFaults = [
  ...faultsIn('rules/lifecycle/transition.ts', 'verbs/tasks/heartbeat', [
    ['a lapse of a lease that nobody could keep counts as an abandon', 'minutes < leastCountedMinutes', 'minutes < 0'],
    [
      'a waiting pickup is not told of a task that is back',
      '  if (isOnBoard && !wasOnBoard) tx.signal(arrival(task.id));\n',
      '',
      waits,
    ],
  ]),
  ...faultsIn('rules/tasks/statements.ts', 'verbs/tasks/heartbeat', [
    ['a heartbeat begins a lease in a grace', 'case when grace_deadline_at is null then', 'case when 1 = 1 then'],
    [
      'a delivery that waits for its review needs heartbeats',
      '      grace_deadline_at: null,\n      heartbeat_deadline_at: null,\n    }),\n    (eb, p) => eb.and([isMeantClaim(eb, p), isChecked',
      '      grace_deadline_at: null,\n    }),\n    (eb, p) => eb.and([isMeantClaim(eb, p), isChecked',
    ],
    ['a claim begins without its lease', 'heartbeat_deadline_at: leaseEnd(p.from),', 'heartbeat_deadline_at: null,'],
    ['a heartbeat without progress forgets it', 'coalesce(${p.progress}, progress)', '${p.progress}'],
    [
      'the poster is told of every heartbeat',
      "eb('progress_told_at', '<=', p.before)",
      "eb('progress_told_at', '<=', p.now)",
    ],
  ]),
  ...faultsIn('rules/waiting/waiters.ts', waits, [
    ['the agent that claimed last comes first', 'first: agent.claimedAt,', 'first: -agent.claimedAt,'],
    ['the newest wait comes first', 'then: wait.number,', 'then: -wait.number,'],
    ['who was at its limit is taken to be at it still', 'isHelper, isFull: false', 'isHelper'],
    ['one of the tags of a filter is enough', 'this.filter.tags.every(', 'this.filter.tags.some('],
  ]),
  ...faultsIn('rules/waiting/waiters.ts', waits, [
    [
      'of several chosen agents always the same one is handed the task',
      'if (best === undefined || isBefore(place, best.place)) best = { place, rank };',
      'best ??= { place, rank };',
    ],
  ]),
  ...faultsIn('rules/waiting/dispatcher.ts', waits, [
    [
      'a task is handed out while its matching is pending',
      'if (isPending && now < patientUntil) {',
      'if (isPending && now < 0) {',
    ],
    ['the worst matched of those that wait comes first', 'a.rank - b.rank', 'b.rank - a.rank'],
    [
      'a head start holds for nobody that waits',
      'isHeld: isHeld || task',
      'isHeld: task',
      undefined,
      {
        survives:
          'Second line of defence: the claim itself refuses who has no head start; the check only spares the attempts.',
      },
    ],
  ]),
  ...faultsIn('verbs/tasks/wait-for-work.ts', waits, [
    ['who gave a task up is handed it again', '  if (notNow.has(taskId)) return undefined;\n', ''],
    ['who is at its limit is handed tasks in vain', 'noteLimit(wait, looked.isFull)', 'noteLimit(wait, false)'],
  ]),
  ...faultsIn('rules/tasks/statements.ts', 'operator/redact', [
    ['a redacted task keeps its next result', 'result: unlessRemoved(p.result),', 'result: p.result,'],
  ]),
  ...faultsIn('rules/tasks/public.ts', 'doors/pages/pages', [
    [
      'public pages preview redacted tasks',
      'stateOf(task.status).isPreviewed && task.texts_removed === null',
      'stateOf(task.status).isPreviewed',
    ],
    [
      'public pages preview tasks under way',
      'stateOf(task.status).isPreviewed && task.texts_removed === null',
      'task.texts_removed === null',
    ],
  ]),
  ...faultsIn('rules/texts/retention.ts', 'rules/texts/retention', [
    ['texts are removed a millisecond late', ".where('since', '<=', p.upto)", ".where('since', '<', p.upto)"],
    [
      'texts of open tasks are removed',
      'const isOver = task !== undefined && isEnded(task.status);',
      'const isOver = task !== undefined;',
    ],
  ]),
  ...faultsIn('rules/texts/remove.ts', 'operator/redact', [
    [
      'texts under an open report are removed',
      "by !== 'operator' && (await tx.first(openReportOn, { task_id: id })) !== undefined",
      "by !== 'operator' && (await tx.first(openReportOn, { task_id: '' })) !== undefined",
      'rules/texts/retention agents/deletion',
    ],
    ['a redacted task keeps its tags', "  if (by === 'operator') tx.send(emptyTags, { id });\n", ''],
    [
      'the webhook log keeps the texts of a redacted task',
      '    if (delivery !== undefined) tx.send(setDeliveryData, { ...told, data: withoutTexts(delivery) });\n',
      '',
    ],
  ]),
  ...faultsIn('verbs/operator/tasks.ts', 'operator/redact', [
    [
      'stored answers keep the texts of a redacted task if the server stops after the removal',
      '  await forgetReplies(ctx, taskId);\n  const redacted',
      '  const redacted',
    ],
    [
      'answers that are stored during a redaction keep texts',
      '  await forgetReplies(ctx, taskId);\n  await ctx.db.scrub',
      '  await ctx.db.scrub',
    ],
    ['a redacted task returns to the board', '    tx.send(expireOnReturn, { id: taskId, now: work.now });\n', ''],
  ]),
  ...faultsIn('ground/machine/states.ts', life, [
    [
      'a posted task takes no questions',
      "talk: 'questions',\n    timeIsUp",
      "talk: 'none',\n    timeIsUp",
      'conversation/questions',
    ],
    [
      'a delivery is not shown',
      "showsDelivery: true,\n    isPreviewed: false,\n    talk: 'messages',",
      "showsDelivery: false,\n    isPreviewed: false,\n    talk: 'messages',",
    ],
  ]),
  ...faultsIn('ground/machine/people.ts', life, [
    [
      'a claim leaves the matching task on the board',
      "done: 'picked up',\n    drops: 'matching',",
      "done: 'picked up',",
      system,
    ],
    ['a delivery is not told', "    tells: { poster: 'task_delivered' },\n", ''],
    [
      'an approval gives the credits back',
      "done: 'approved',\n    asksFirst: 'whose',\n    credits: 'settle',",
      "done: 'approved',\n    asksFirst: 'whose',\n    credits: 'void',",
    ],
    [
      'a cancelled task keeps its escrow',
      "done: 'cancelled',\n    asksFirst: 'whose',\n    credits: 'void',",
      "done: 'cancelled',\n    asksFirst: 'whose',",
      'rules/ledger/ledger',
    ],
    [
      'a stranger who abandons is told whose the task is before its state',
      "done: 'abandoned', asksFirst: 'state', standing: 'abandon' }",
      "done: 'abandoned', asksFirst: 'whose', standing: 'abandon' }",
    ],
    [
      'an abandoned claim is not counted',
      "done: 'abandoned', asksFirst: 'state', standing: 'abandon' }",
      "done: 'abandoned', asksFirst: 'state' }",
      'verbs/tasks/cooldown',
    ],
    [
      'the matched are not told of a cancellation',
      "    drops: 'matching',\n    tellsMatched: 'task_cancelled',\n",
      "    drops: 'matching',\n",
      'events/outbox',
    ],
    [
      "the operator's cancel of a claimed task keeps the escrow",
      "from: 'claimed',\n    to: 'cancelled',\n    by: 'admin',\n    credits: 'void',",
      "from: 'claimed',\n    to: 'cancelled',\n    by: 'admin',",
      'operator/cancel',
    ],
  ]),
  ...faultsIn('ground/machine/clock.ts', life, [
    [
      'the approval by the clock gives the credits back',
      "clock: 'review_deadline_at',\n    credits: 'settle',",
      "clock: 'review_deadline_at',\n    credits: 'void',",
      'jobs/timers',
    ],
    [
      'an expired task keeps its escrow',
      "clock: 'expires_at',\n    credits: 'void',",
      "clock: 'expires_at',",
      'jobs/timers',
    ],
    [
      'a missed deadline keeps the escrow',
      "clock: 'deadline_at',\n    credits: 'void',",
      "clock: 'deadline_at',",
      'jobs/timers',
    ],
    [
      'a claim lost to the deadline is told as a timeout',
      "tells: { worker: 'deadline_expired' }",
      "tells: { worker: 'claim_timeout_expired' }",
      'jobs/timers',
    ],
    ['the end of a grace is not told', "    tells: { worker: 'rejection_grace_expired' },\n", '', 'jobs/timers'],
  ]),
  ...faultsIn('ground/machine/platform.ts', life, [
    ["an answer to one of the platform's tasks is not paid", "    credits: 'pay',\n", '', system],
    [
      'a task of the platform that is withdrawn stays in its budget',
      "by: 'platform', credits: 'release' }",
      "by: 'platform' }",
      'platform-tasks/farming',
    ],
    [
      'a task of the platform that times out stays in its budget',
      "clock: 'claim_deadline_at',\n    credits: 'release',",
      "clock: 'claim_deadline_at',",
      'platform-tasks/',
    ],
  ]),
  ...faultsIn('ground/transitions.ts', `${life} jobs/timers`, [
    [
      'no clock row goes before another',
      'clockTransitions.slice(0, clockTransitions.indexOf(name))',
      'clockTransitions.slice(0, 0)',
      life,
      {
        survives:
          'Second line of defence: `dueTransition` already picks the upper row; the guard only repeats that for a caller that picked otherwise.',
      },
    ],
    [
      'of two clock rows the lower is done',
      'return clockTransitions.find(',
      'return clockTransitions.toReversed().find(',
    ],
  ]),
  ...faultsIn('rules/tasks/statements.ts', life, [
    ["a deadline at the grace's very end is cleared", '>= ${graceEnd(p)} then', '> ${graceEnd(p)} then'],
    [
      'a worker is always paid the whole price',
      'then ${p.credits} else max_credits end',
      'then max_credits else max_credits end',
    ],
    [
      'one rejection more is borne',
      'max_rejections}) > 1 then coalesce(deliveries_left, ${p.max_rejections}) - 1',
      'max_rejections}) > 0 then coalesce(deliveries_left, ${p.max_rejections})',
    ],
    ['a worker without deliveries left delivers', "deliveries_left, 1)`, '>', 0)", "deliveries_left, 1)`, '>=', 0)"],
    [
      'the grace after the last rejection is the usual one',
      '(${deliveriesLeft(p)}) = 0 and',
      '(${deliveriesLeft(p)}) < 0 and',
    ],
    ['the last grace cuts a longer one', 'and ${own} < ${p.last_grace}', 'and ${own} > 0'],
    ["a task's own grace is not kept", 'case when has_terms = 1\n', 'case when has_terms = 2\n'],
    ['an excluded worker delivers again', 'case when ${p.exclude} = 1 then 0\n', 'case when ${p.exclude} = 2 then 0\n'],
    [
      'an excluded worker gets the task again',
      'case when ${p.exclude} = 1 then barred',
      'case when ${p.exclude} = 2 then barred',
    ],
    [
      'a delivery for an older claim is taken',
      'eb.and([isMeantClaim(eb, p), isChecked(eb, p), ',
      'eb.and([isChecked(eb, p), ',
    ],
    [
      'an agent that was asked about a task may claim it',
      'eb.and([mayClaim(eb, p), isNotBarred(eb, p), ',
      'eb.and([mayClaim(eb, p), ',
      system,
    ],
    [
      'a deadline that was missed is not used up',
      "byClock('loseToDeadline', { deadline_at: null })",
      "byClock('loseToDeadline')",
      'jobs/timers',
    ],
    [
      'a rejection leaves the task to a suspended worker',
      "(eb) => eb.not(isSuspended(eb, 'worker_id')),\n  ),\n  rejectSuspended",
      '(eb) => eb.and([]),\n  ),\n  rejectSuspended',
      'operator/suspension',
    ],
    ['what was found of a rejected delivery stays', '  verification: null,\n  verifier_id: null,\n', '', system],
  ]),
  ...faultsIn('rules/tasks/statement.ts', life, [
    ['a deadline does not bite at its very second', "eb('due_at', '>', p.now),", "eb('due_at', '>=', p.now),"],
    ['the clock is late by a millisecond', "eb('due_at', '<=', p.now),", "eb('due_at', '<', p.now),", 'jobs/timers'],
    ['a new claim inherits the rejections of the last one', '  deliveries_left: null,\n', ''],
    [
      'the poster does what is the worker’s to do',
      "row.by === 'worker' ? 'worker_id' : 'poster_id'",
      "row.by === 'clock' ? 'worker_id' : 'poster_id'",
    ],
  ]),
  ...faultsIn('rules/reputation/poster-record.ts', 'reputation/poster-record', [
    [
      'an old review counts for ever',
      'else substr(recent_reviews, ${sql.lit(digits + 1)}) || ${code} end',
      'else recent_reviews end',
    ],
    [
      'the rate of rejections forgets the approvals',
      'row.approvals_given + row.rejections_given)',
      'row.rejections_given)',
    ],
  ]),
  ...faultsIn('rules/lifecycle/transition.ts', 'reputation/poster-record', [
    ['an approval at once counts as a review', "by !== 'platform' && from !== null", 'from !== null'],
    [
      'every cancel counts as one after a rejection',
      'if (task.rejection_count > 0) tx.send(countCancelled',
      'tx.send(countCancelled',
    ],
  ]),
  ...faultsIn('verbs/tasks/deliveries.ts', 'verbs/tasks/deliveries', [
    [
      'a former worker reads the deliveries of others',
      "claim === undefined ? undefined : 'own'",
      "claim === undefined ? undefined : 'all'",
    ],
  ]),
  ...faultsIn('doors/invoke.ts', 'verbs/tasks/dry-run', [
    ['a dry run counts as a task posted', 'if (isTrial) countAsRead(', 'if (false) countAsRead('],
    [
      'a dry run uses up its idempotency key',
      'const record = isTrial ? undefined : recordKey',
      'const record = recordKey',
      undefined,
      {
        survives: 'A key is looked up and stored in the transaction of a verb, and a dry run opens none.',
      },
    ],
  ]),
  ...faultsIn('rules/tasks/guards.ts', system, [
    [
      "a suspended poster's task can be claimed",
      "    isActive(eb.ref('tasks.poster_id')),\n",
      '',
      'operator/suspension',
    ],
    [
      'a pause ends before it begins',
      ".where('agents.pickups_paused_until', '>', now)",
      ".where('agents.pickups_paused_until', '<', now)",
      'verbs/tasks/cooldown',
    ],
    [
      'a worker checks its own delivery',
      "about('about.worker_id', '=', actor), ",
      '',
      undefined,
      {
        survives:
          'Second line of defence: the claim is undone when `noteInspector` changes no row, because the agent is a party of the task.',
      },
    ],
    ['an agent reads out its own profile', "    eb('about_id', '<>', actor),\n", ''],
  ]),
  ...faultsIn('rules/disputes/queries.ts', 'disputes/judges', [
    [
      'a judge reads on after the end of the dispute',
      "    .where('disputes.status', '=', sql.lit('open'))\n    .where('dispute_seats.disputed_id', '=', p.disputed_id)\n",
      "    .where('dispute_seats.disputed_id', '=', p.disputed_id)\n",
    ],
  ]),
  ...faultsIn('rules/agents/helpers.ts', 'platform-tasks/suspension', [
    [
      'tasks and deliveries wait for a helper who is suspended',
      '`${isHelperRow(table, least)} and ${sql.ref(`${table}.suspended_at`)} is null`',
      '`${isHelperRow(table, least)}`',
    ],
  ]),
  ...faultsIn('rules/lifecycle/transition.ts', 'rules/tasks/wait', [
    ['nobody who waits hears of a change', '  work.tx.signal(task.id);\n', ''],
  ]),
  ...faultsIn('rules/lifecycle/told.ts', life, [
    ["a worker's rating is not told", 'rating: rating ?? null }', 'rating: null }'],
  ]),
  ...faultsIn('rules/tasks/refusal.ts', life, [
    [
      "a suspended poster's task is refused as if it were there",
      "  if (row.by === 'stranger' && (await isHidden(tx, task))) return taskNotFound();\n",
      '',
      'operator/suspension',
    ],
    [
      'an agent that abandoned is told that the claim timed out',
      'if (end.actor_id === null) {',
      'if (end.actor_id !== undefined) {',
    ],
    [
      'a pause lasts a millisecond longer than it says',
      'until <= now) return agent',
      'until < now) return agent',
      'verbs/tasks/cooldown',
    ],
  ]),
  ...faultsIn('rules/tasks/view.ts', life, [
    ['a rejected delivery is shown', 'result: delivered ? task.result : null', 'result: task.result'],
  ]),
  ...faultsIn('jobs/timers.ts', 'jobs/timers', [
    ['a timer that failed is tried again at once', 'retry_at: now + retryAfterMs', 'retry_at: now'],
    ['a timer that succeeded stays set aside', '    tx.send(clearStuckTimer, { task_id: taskId });\n', ''],
  ]),
];
