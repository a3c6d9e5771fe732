import { faultsIn } from '../fault.ts';

const traps = 'doors/a2a/traps';
const bounds = 'doors/a2a/limits';
const pushes = 'doors/a2a/pushes';

export const a2aFaults = [
  ...faultsIn('doors/a2a/decision.ts', traps, [
    ['a text that only begins like a decision decides', ')$/.exec(said.trim())', ')/.exec(said.trim())'],
    [
      'a decision is taken in any state',
      "if (verb === undefined || !allowed.includes('approve'))",
      'if (verb === undefined)',
    ],
  ]),
  ...faultsIn('doors/a2a/speech.ts', traps, [
    ['a repeated decision is refused', "if (!isRefusal(error, 'idempotency_key_reused')) throw error;", 'throw error;'],
    ['a message about another conversation is taken', 'said.contextId !== (await contextOf', "'' === (await contextOf"],
    ['a message about a task that has ended is a conflict', '!isEnded(status) || ', 'isEnded(status) || '],
    [
      'the conversation of a task is forgotten',
      "contextId: contextId === '' ? undefined : contextId",
      'contextId: undefined',
    ],
  ]),
  ...faultsIn('doors/a2a/speech.ts', bounds, [
    ['a message is read about before it is counted', 'calls.count(endpoints.sendMessage)', '() => undefined'],
  ]),
  ...faultsIn('rules/tasks/contexts.ts', traps, [
    ['a worker reads the name of a conversation', 'facts?.poster_id === agentId ?', 'facts !== undefined ?'],
  ]),
  ...faultsIn('doors/a2a/metadata.ts', traps, [
    ['unknown metadata are ignored in silence', '!(names as readonly string[]).includes(name)', 'false'],
  ]),
  ...faultsIn('doors/a2a/said.ts', traps, [
    ['a message with another content is the same', 'JSON.stringify([message, configuration, metadata])', 'messageId'],
    ['a conversation may have a name of any length', 'contextId.length <= mostCharacters', "contextId !== ''", bounds],
    ['no send waits', "waits: !(configuration?.returnImmediately ?? version === '0.3')", 'waits: false'],
  ]),
  ...faultsIn('doors/a2a/card.ts', traps, [
    ['the card of 1.0 has the fields of 0.3', 'if (isPure) return pure;', ''],
    ['the card offers checks that nobody makes', 'return isByAgents ?', 'return true ?'],
  ]),
  ...faultsIn('doors/a2a/frame.ts', traps, [
    ['a request with an odd id is taken', '(fields.id === undefined || isId(fields.id))', 'true'],
  ]),
  ...faultsIn('doors/a2a/door.ts', traps, [
    ['a stream that nobody reads keeps its place', '    await rest.return();\n', '', bounds],
    ['an error of tasks/resubscribe is no stream', 'if (mustStream) return', 'if (!mustStream && false) return'],
  ]),
  ...faultsIn('verbs/tasks/contexts.ts', traps, [
    [
      'a task without a conversation is not listed by its own',
      "if (!isId('task', contextId)) return [];",
      'return [];',
    ],
  ]),
  ...faultsIn('rules/pushes/step.ts', pushes, [
    ['a configuration outlives its key', 'config === undefined || (await', 'config === undefined || !(await'],
    ['a suspended agent is told', 'task.suspended_at !== null', 'task.suspended_at === -1'],
    ['a rejected result is shown', 'stateOf(moved.to_status).showsDelivery && ', ''],
    [
      'an address is told everything before it confirms itself',
      "status === 'unconfirmed' ? task.version :",
      'false ? 0 :',
    ],
    ['a configuration is kept for ever', 'isEnded(task.status) ? now + keptMs', 'isEnded(task.status) ? null'],
    [
      'a receiver that is gone is told again',
      'isTest || isGone(result) ? undefined : told',
      'isTest ? undefined : told',
    ],
  ]),
  ...faultsIn('rules/pushes/config.ts', pushes, [
    ['an address is not checked', "await checkWebhookUrl(checked.url, config.webhooks, resolve, 'url');", ''],
    [
      'a known address is tested again',
      '!isKnown && ctx.config.webhooks.confirmsReceivers',
      'ctx.config.webhooks.confirmsReceivers',
    ],
    ['a task may have any number', 'ofTask.length >= mostOfTask', 'ofTask.length > 99'],
    ['a token may break out of its header', 'const headerText = /^[\\x20-\\x7e]+$/', 'const headerText = /^[^]+$/'],
  ]),
  ...faultsIn('rules/lifecycle/transition.ts', pushes, [
    ['no transition is told', 'if (task.has_terms === 1) await callPushes(work, task.id);', ''],
  ]),
  ...faultsIn('verbs/pushes.ts', pushes, [
    [
      'a worker reads the webhooks of a poster',
      'if (task?.poster_id !== agentId) throw taskNotFound();\n  return (await',
      'if (task === undefined) throw taskNotFound();\n  return (await',
    ],
    ['a task without terms is told nothing', 'tx.send(markTerms, { id });', ''],
  ]),
];
