import { faultsIn } from '../fault.ts';

/** Second lines of defence: faults that other checks or a retry would hide. */
export const lockFaults = [
  ...faultsIn(
    'rules/lifecycle/told.ts',
    'platform-tasks/platform-tasks platform-tasks/verification platform-tasks/extraction platform-tasks/withdrawal verbs/tasks',
    [
      [
        'streams are numbered in the opposite order',
        '(a.event.agentId < b.event.agentId ? -1 : 1)',
        '(a.event.agentId < b.event.agentId ? 1 : -1)',
      ],
    ],
  ),
  ...faultsIn('rules/reputation/standing.ts', 'rules/lifecycle/', [
    [
      'the parties of an approval are counted in the opposite order',
      'charged, review });\n  if (workerId < posterId) {',
      'charged, review });\n  if (workerId > posterId) {',
    ],
  ]),
  ...faultsIn('rules/ledger/ledger.ts', 'rules/lifecycle/', [
    [
      'the accounts of a payment are taken in the opposite order',
      '(a.account < b.account ? -1 : 1)',
      '(a.account < b.account ? 1 : -1)',
    ],
  ]),
  ...faultsIn('rules/reputation/trust.ts', 'rules/lifecycle/ verbs/agents/trust storage/deadlocks', [
    ['trust is taken in no order', 'rater < rated', 'rater !== rated', undefined, { engine: 'postgres' }],
  ]),
  ...faultsIn('rules/lifecycle/offers.ts', 'rules/tasks/queued', [
    [
      'a decline that has waited for another one counts again',
      '    isNotBarred(eb, { actor: p.agent }),\n',
      '',
      undefined,
      { engine: 'postgres' },
    ],
  ]),
  ...faultsIn('rules/deletion/offers.ts', 'rules/tasks/queued', [
    [
      'a deletion takes an agent off a task that it is just declining',
      '        await tx.first(holdTask, { id: task_id });\n',
      '',
      undefined,
      { engine: 'postgres' },
    ],
  ]),
  ...faultsIn('rules/platform-tasks/claim.ts', 'rules/tasks/queued', [
    [
      'simultaneous claims of system tasks exceed their limit',
      '.claims > mostSystemTasks)',
      '.claims > 2 * mostSystemTasks)',
      undefined,
      { engine: 'postgres' },
    ],
  ]),
  ...faultsIn(
    'storage/postgres/failures.ts',
    'storage/deadlocks storage/transactions storage/batches storage/full-disk',
    [
      [
        'a deadlock is not tried again',
        "['40001', '40P01', '55P03']",
        "['40001', '55P03']",
        undefined,
        { engine: 'postgres' },
      ],
    ],
  ),
];
