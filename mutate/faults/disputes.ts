import { faultsIn } from '../fault.ts';

const disputes = 'disputes/disputes';
const endings = 'disputes/endings';
const judges = 'disputes/judges';

export const disputeFaults = [
  ...faultsIn('rules/disputes/outcome.ts', `${disputes} ${endings}`, [
    ['of two answers the higher one rules', 'return Math.floor((low + high) / 2);', 'return high;'],
    ['a cheap task has judges', 'price < cheapest ? 0 : judges', 'judges'],
    ['a share of no credits is no ruling of 0', 'share: credits === 0 ? 0 : share', 'share'],
    ['the answers of half the judges rule at once', ': Math.max(now, dispute.half_at);', ': now;'],
    ['what many judges say is longer than an event allows', '.slice(0, most)', '.slice(0)', 'disputes/terms'],
  ]),
  ...faultsIn('rules/disputes/end.ts', `${endings} disputes/terms`, [
    ['a default costs the deposit', "outcome.status === 'ruled' && outcome.credits === 0", 'outcome.credits === 0'],
    [
      'the loser of a dispute stays a chosen agent',
      '  if (stateOf(task.status).isOnBoard && task.is_for_chosen === 1) await endOfferOnBoard(work, task.id, workerId);\n',
      '',
    ],
  ]),
  ...faultsIn('rules/disputes/answer.ts', `${disputes} ${endings}`, [
    ['an answer after the end has an effect', '  if (isLate) return;\n', ''],
  ]),
  ...faultsIn('verbs/tasks/work.ts', `${endings} ${judges}`, [
    [
      'a withdrawal after an answer costs nothing',
      "forfeits: seats.some(({ status }) => status === 'answered')",
      'forfeits: false && seats.some(Boolean)',
    ],
  ]),
  ...faultsIn('rules/tasks/statements.ts', endings, [
    [
      'the operator can give the task back to the worker that lost',
      "decideForPoster: byOperator('decideForPoster', () => closedForWorker)",
      "decideForPoster: byOperator('decideForPoster', () => closed)",
    ],
  ]),
  ...faultsIn('rules/platform-tasks/judges.ts', judges, [
    [
      'a judge comes from the network of a party',
      '      and not exists (select 1 from agents n where n.id in (${p.poster}, ${p.worker}) and n.network = g.network)\n',
      '',
    ],
    [
      'the agent that checked a delivery judges it',
      "v.about_id = ${p.task} and v.kind <> 'work' and v.kind = 'verify'",
      "v.about_id = ${p.task} and v.kind <> 'work' and v.kind = 'judge'",
    ],
    [
      'the same judge is drawn again',
      '      and not exists (select 1 from dispute_seats s where s.dispute_id = ${p.dispute} and s.judge_id = g.id)\n',
      '',
    ],
  ]),
  ...faultsIn('jobs/judging.ts', judges, [
    ['a dispute that fails keeps judges from the others', 'if (isStorageFailure(error)) throw error;', 'throw error;'],
    [
      'a dispute that fails is tried again at once',
      '        await putOffLook(this.ctx, dispute, clock.now() + retryAfterMs);\n',
      '',
    ],
  ]),
  ...faultsIn('rules/lifecycle/release.ts', judges, [
    [
      'a suspended judge keeps the seats behind the first batch',
      'if (seats.length < batch) return;',
      'if (seats.length >= 0) return;',
    ],
  ]),
  ...faultsIn('verbs/tasks/dispute.ts', disputes, [
    [
      'rubbish that no machine has checked is worth half by default',
      '=== null ? 0 : defaultShare',
      '=== null ? defaultShare : defaultShare',
      judges,
    ],
    [
      'an agent has one dispute too many',
      'if (total < limits.openDisputes) return;',
      'if (total <= limits.openDisputes) return;',
    ],
    [
      'a deposit does not count in the budget of the key',
      '    if (key !== undefined) await spend(tx, key, deposit, now);\n',
      '',
    ],
  ]),
  ...faultsIn('rules/reputation/standing.ts', endings, [
    [
      'half of the charge does not complete a task',
      'Number(charged > 0 && share >= winningShare)',
      'Number(charged > 0 && share > winningShare)',
    ],
  ]),
];
