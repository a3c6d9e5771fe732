import { faultsIn } from '../fault.ts';

const traps = 'doors/a2a/traps';
const bounds = 'doors/a2a/limits';

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
  ...faultsIn('doors/a2a/said.ts', traps, [
    ['a message with another content is the same', 'JSON.stringify([message, configuration, metadata])', 'messageId'],
    ['a conversation may have a name of any length', 'contextId.length <= mostCharacters', "contextId !== ''", bounds],
    [
      'push notifications are promised in silence',
      'if (configuration?.taskPushNotificationConfig !== undefined)',
      "if (messageId === 'never')",
      bounds,
    ],
    ['no send waits', 'waits: configuration?.returnImmediately !== true', 'waits: false'],
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
];
