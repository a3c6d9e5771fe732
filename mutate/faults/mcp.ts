import { faultsAt, faultsIn } from '../fault.ts';

const clients = 'doors/mcp/clients';
const tasks = 'doors/mcp/tasks';
const shares = 'doors/mcp/shares';
const table = (file: string, rows: Parameters<typeof faultsAt>[2]) =>
  faultsAt(`packages/sdk/src/mcp/${file}.ts`, clients, rows);

export const mcpFaults = [
  ...table('tool', [
    ['a wait lasts as long as the client asks', "key === 'wait' ? cutWait(value) : value", 'value'],
    ['a wait of 0 s is an error', "key === 'wait' && (value === 0", "key === 'wait' && (value === -1"],
    ['a missing id is called not found', "if (typeof id !== 'string' || id === '') throw", "if (id === 'never') throw"],
  ]),
  ...table('answer', [
    ['an error has data', 'isError: true };', 'isError: true, structuredContent: { ...reply } };'],
    ['a hint names endpoints', ': [withTools(hint)]', ': [hint]'],
    ['the last part of an answer names a next one', 'end < length ? end : null', 'end'],
    ['a long answer to a change is not cut', ': whole(excerpt(fields))', ': whole(fields)'],
    [
      'a part is as long as its JSON is written once',
      '  while (JSON.stringify(piece).length > mostCharacters - frameCharacters) {',
      '  while (length < 0) {',
    ],
  ]),
  ...faultsAt('packages/sdk/src/mcp/completions.ts', tasks, [
    ['a task that waits for no review is offered for one', "status === 'delivered'", "status !== 'approved'"],
  ]),
  ...faultsAt('packages/sdk/src/mcp/json.ts', shares, [
    ['the length of an answer leaves its control characters out', 'isShort(unit) ? 1 : 5', '1'],
  ]),
  ...table('catalog', [
    ['progress is told to nobody', 'mcpReq.notify({ method', 'Promise.resolve({ method'],
    [
      'a delegation that only tries is a task',
      "(status === 'posted' || status === 'claimed') ? task_id",
      "task_id !== '' ? `${task_id} ${status}`",
      tasks,
    ],
    [
      'a cancel that comes too late is an error',
      "if (error instanceof Refusal && error.reply.code === 'conflict') return;\n",
      '',
      tasks,
    ],
  ]),
  ...table('tasks', [
    [
      'a task is under way again after a rejection',
      '|| (rejection_count ?? 0) > 0',
      '|| (rejection_count ?? 0) > 99',
      tasks,
    ],
    ['an expired task is no error', '  isError: true,\n', '', tasks],
  ]),
  ...table('serve', [
    ['lists are said to change', '{ listChanged: false }', '{ listChanged: true }'],
    [
      'tasks are for clients that have not declared them',
      'if (!declaresTasks(ctx)) throw',
      "if (!declaresTasks(ctx) && ctx.mcpReq.method === '') throw",
      tasks,
    ],
  ]),
  ...faultsIn('doors/mcp/shared.ts', clients, [
    [
      'a client that leaves ends no wait',
      "        this.#pass({ jsonrpc: '2.0', method: 'notifications/cancelled', params });\n",
      '        void params;\n',
    ],
  ]),
  ...faultsIn('doors/mcp/handler.ts', clients, [
    [
      'headers may say something else than the message',
      "headers['mcp-name'] === (isRead ? uri : name)",
      "headers['mcp-name'] !== undefined",
    ],
    ['any Accept will do', '|| !acceptsBoth(headers.accept)', '|| headers.accept === undefined'],
  ]),
  ...faultsIn('doors/http/mcp.ts', tasks, [
    ['messages that call no endpoint are not counted', 'if (!callsEndpoint(each)) await', "if (each === '') await"],
    ['what the protocol refuses is not counted', 'if (!request.isCounted && ', "if (message === '' && "],
  ]),
  ...faultsIn('doors/http/mcp.ts', shares, [
    ['parts of long replies take no turn', '(data) => turns.toCut(request, data)', '() => undefined'],
  ]),
  ...faultsIn('doors/http/access-log.ts', 'ground/log', [
    ['a wait whose client has left is no line', "  raw.on('close', endIfLeft);\n", '  void raw;\n'],
  ]),
  ...faultsIn('doors/http/protocols.ts', clients, [
    ['pages of any origin may call', '  refuseOrigin(ctx, request);\n', ''],
  ]),
  ...faultsIn('doors/http/errors.ts', tasks, [
    [
      'a body that is refused before it is read is not counted',
      'if (countRefused === undefined || ',
      'if (countRefused !== null || ',
    ],
  ]),
  ...faultsIn('doors/admission.ts', tasks, [
    [
      'wrong keys are not counted where calls are counted later',
      '    return refusedKey(ctx, error, credentials);\n  }\n}',
      '    if (error instanceof DomainError) return { caller: undefined, refusal: error, usage: undefined };\n    return refusedKey(ctx, error, credentials);\n  }\n}',
    ],
  ]),
];
