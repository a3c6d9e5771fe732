import { faultsIn } from '../fault.ts';

const disputes = 'disputes/disputes';
const endings = 'disputes/endings';
const judges = 'disputes/judges';

export const disputeFaults = [
  ...faultsIn('rules/disputes/outcome.ts', `${disputes} ${endings}`, [
    ['of two answers the higher one rules', 'return Math.floor((low + high) / 2);', 'return high;'],
    ['a cheap task has judges', 'price < cheapest ? 0 : judges', 'judges'],
    ['a share of no credits is no ruling of 0', 'share: credits === 0 ? 0 : share', 'share'],
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
      'the same judge is drawn again',
      '      and not exists (select 1 from dispute_seats s where s.dispute_id = ${p.dispute} and s.judge_id = g.id)\n',
      '',
    ],
  ]),
  ...faultsIn('jobs/judging.ts', judges, [
    ['a dispute that fails keeps judges from the others', '        failed++;', '        throw error;'],
  ]),
];
