import { faultsIn } from '../fault.ts';

const tasks = 'verbs/tasks/acceptance';
const checks = 'rules/acceptance/checks';

export const acceptanceFaults = [
  ...faultsIn('rules/tasks/statements.ts', tasks, [
    [
      'a result is delivered without being compared with the acceptance',
      "eb.or([eb('has_terms', '=', 0), eb('claim_number', '=', checked_claim)])",
      "eb.or([eb('has_terms', '>=', 0), eb('claim_number', '=', checked_claim)])",
    ],
  ]),
  ...faultsIn('verbs/tasks/acceptance.ts', tasks, [
    [
      'a result that does not fit is delivered',
      '  if (problems.length === 0) return;',
      '  if (problems.length >= 0) return;',
    ],
    ['a result is compared for an older claim', 'task.claim_number === (claimNumber ?? task.claim_number) &&', ''],
    ['a result is compared for whoever sends one', '    task.worker_id === agentId &&\n', ''],
    [
      'an acceptance is not compiled when the task is posted',
      'if (acceptance !== null) await',
      'if (acceptance === null) await',
    ],
    ['approval at once needs no acceptance', 'auto_approve !== null && for_agents === null', 'auto_approve === 2'],
    [
      'an idle claim with a result that did not fit counts',
      '    tx.send(noteUnfit, { id: taskId, actor: agentId, claim_number: claimNumber });\n',
      '',
    ],
  ]),
  ...faultsIn('verbs/tasks/work.ts', tasks, [
    ['what fits waits for the review', 'terms.auto_approve === 1 &&', 'terms.auto_approve === 2 &&'],
    ['a delivery without texts is approved at once', ' && task.texts_removed === null) {', ') {'],
  ]),
  ...faultsIn('rules/tasks/terms.ts', tasks, [
    ['every claim of a task is forgiven', "'unfit_claim', '=', p.claim_number", "'unfit_claim', '<=', p.claim_number"],
  ]),
  ...faultsIn('verbs/tasks/rate.ts', tasks, [
    [
      'a poster rates twice',
      'if (isPoster && (await approvedItself(tx, task))) throw',
      'if (isPoster && (await approvedItself(tx, task)) && false) throw',
    ],
  ]),
  ...faultsIn('ground/page-size.ts', 'ground/page-size', [
    ['an acceptance is cut', 'name === whole ? field : withTexts(field, change)', 'withTexts(field, change)'],
  ]),
  ...faultsIn('rules/acceptance/schema.ts', checks, [
    ['a schema may bring vocabularies', 'if (isObject($vocabulary) && ', 'if (isObject($schema) && '],
    ['a reference to a reference is followed', '  refuseReferencesToReferences(schema);\n', ''],
  ]),
  ...faultsIn('rules/acceptance/checks.ts', checks, [
    ['a turn that comes too late is kept', '(late) => late.release(),', '() => undefined,'],
    [
      'a result that takes too long to check fits',
      "if ('late' in outcome) return [",
      "if ('late' in outcome) return []; if (Date.now() === 0) return [",
    ],
  ]),
  ...faultsIn('rules/acceptance/allowance.ts', checks, [
    ['a check never looks at its time', 'if (cpuMs() > this.#end) throw', 'if (cpuMs() < 0) throw'],
  ]),
];
