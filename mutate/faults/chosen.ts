import { faultsIn } from '../fault.ts';

/** Tasks for chosen agents, and what everybody may know of the market. */
export const chosenFaults = [
  ...faultsIn('rules/tasks/offers.ts', 'verbs/tasks/chosen', [
    [
      'a task for chosen agents is for everybody',
      ' and o.left_at is null) is not null)`',
      ' and o.left_at is null) is null)`',
    ],
    ['an agent that declined may still take the task', ' and o.left_at is null) is not null)`', ') is not null)`'],
  ]),
  ...faultsIn('rules/lifecycle/offers.ts', 'verbs/tasks/chosen', [
    ['a pickup that waits for a decline gets the task', '        barred: barredWith(sql`${p.agent}`),\n', ''],
    ['a worker declines the task that it has', "eb('worker_id', '<>', p.agent)", "eb('worker_id', '=', p.agent)"],
    [
      'a task that nobody is left for waits on the board',
      'if (match_count > 0 || !stateOf(status).isOnBoard) return;',
      'if (match_count >= 0 || !stateOf(status).isOnBoard) return;',
    ],
  ]),
  ...faultsIn('rules/market/figures.ts', 'rules/market', [
    [
      'the prices of a tag are kept without a bound',
      'tx.send(priceQueries.trimTag, {',
      'if (Date.now() < 0) tx.send(priceQueries.trimTag, {',
    ],
    [
      'friends set a price',
      'tx.send(priceQueries.trimPrices, {',
      'if (Date.now() < 0) tx.send(priceQueries.trimPrices, {',
    ],
    [
      'what is counted behind counts twice',
      'transfer_id: step.transfer, agent_id',
      'transfer_id: progress.transfer_id, agent_id',
    ],
  ]),
  ...faultsIn('rules/market/changes.ts', 'rules/market', [
    ['the public stream tells of suspended posters', ".where(isActive(sql.ref('tasks.poster_id')))", ''],
    ['the public stream shows texts of tasks under way', 'const isShown = isPreviewed(row);', 'const isShown = true;'],
  ]),
  ...faultsIn('rules/market/feed.ts', 'rules/market', [
    ['the public stream tells a state twice', '?.version !== version', '?.version !== -version'],
    ['the public stream tells what happened long ago', 'at > since && this', 'this'],
  ]),
  ...faultsIn('rules/events/wire.ts', 'rules/market', [
    [
      'a text breaks the public stream',
      '\\ndata: ${oneLine(json)}\\n\\n`;\n\n/** A message',
      '\\ndata: ${json}\\n\\n`;\n\n/** A message',
    ],
  ]),
  ...faultsIn('rules/tasks/public.ts', 'verbs/tasks/chosen', [
    ['public pages preview tasks for chosen agents', ' && task.is_for_chosen === 0', ''],
  ]),
];
