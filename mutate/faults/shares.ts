import { faultsIn } from '../fault.ts';

const inbound = 'attacks/inbound';

export const shareFaults = [
  ...faultsIn('rules/limits/share.ts', 'rules/limits/share', [
    ['the largest holder need not yield', 'this.#used + amount > this.most', 'false'],
    ['the smallest holder is cut first', 'held < largest || ', 'false || '],
    ['a holder yields to one that has more', 'const isLarger = held > wanted;', 'const isLarger = true;'],
    ['no share is cut', 'const victim = this.#victim(part, wanted);', 'const victim = undefined as Part | undefined;'],
    ['a waiting holder with much is served first', 'if (held < least)', 'if (held >= least || least === Infinity)'],
    ['a part that is passed on counts for the first holder', 'part.holder = to;', ''],
    ['busy parts are cut before idle ones', 'if (part.isIdle) return part;', ''],
    ['a proxy is held against its clients', 'part.holder === nobody ? amount : ', ''],
  ]),
  ...faultsIn('doors/http/sockets.ts', inbound, [
    [
      'a flood of connections is accepted one by one',
      'if (count !== mostReplacedPerSecond) return;',
      'if (count > 0) return;',
    ],
    ['silent connections have no bound', "app.server.on('connection', open);", ''],
    [
      'the connections of an agent count for its address',
      'part.passTo(holderOf(caller?.agentId, ip))',
      'part.passTo(ip)',
    ],
  ]),
  ...faultsIn('doors/http/intake.ts', inbound, [
    ['bodies are not counted', 'if (length <= smallBytes) return true;', 'if (length > 0) return true;'],
    ['the memory of a body is kept until the reply', 'memory.release();\n      request.body', 'request.body'],
    [
      'a body that is broken off stays counted',
      '    discards.discard(payload);\n    memory.release();',
      '    discards.discard(payload);',
    ],
    ['long bodies are read as they come', 'shares.loop.wait(memory.holder)', "shares.loop.wait('all')"],
  ]),
  ...faultsIn('doors/http/discard.ts', 'doors/http/discard', [
    ['bodies that nobody needs are read as fast as they come', 'payload.pause();', ''],
  ]),
  ...faultsIn('doors/http/unknown-paths.ts', inbound, [
    ['unknown paths read bodies', 'request.is404 ?', 'request.method === "NONE" ?'],
    ['paths that can not be decoded are not counted', "!url.includes('%') || isDecodable(url)", 'url !== noRoute'],
  ]),
  ...faultsIn('doors/http/broken.ts', inbound, [
    ['broken requests are not counted', 'ctx.limits.takeForAddress(address)', 'undefined'],
    ['broken requests are not logged', '    ctx.log.info({ requestId', '    void ({ requestId'],
  ]),
  ...faultsIn('rules/limits/texts.ts', 'rules/limits/texts', [
    ['texts are not limited', 'used(written, now) >= textsPerDay', 'used(written, now) > 9 * textsPerDay'],
    ['small texts cost a statement', 'written.unsettled >= portionBytes', 'written.unsettled >= 1'],
    ['texts that were not written count', 'Math.max(0, written.unsettled - bytes)', 'written.unsettled'],
    ['a failure forgets what was written', '        written.unsettled += bytes;\n', ''],
    ['texts count for two days', 'const hours = 24;', 'const hours = 48;'],
  ]),
  ...faultsIn('doors/invoke.ts', 'rules/limits/texts', [
    ['texts of a refused request count', '    if (this.#texts > 0) done.catch(() => this.#discount());\n', ''],
  ]),
  ...faultsIn('doors/references.ts', 'doors/references', [
    [
      'stored answers copy long texts',
      'if (referred.length === 0) return part;',
      'if (referred.length < 9) return part;',
    ],
    ['short quotes of a system task are kept', '|| (isSystem && isQuote(field, text))', ''],
    ['a repetition shows what another worker delivered', 'digestOf(text) === digest) ?? removed', 'digest) ?? removed'],
    ['cut texts are lost', 'text?.slice(0, length)', 'text'],
    [
      'a helper reads again what it has given back',
      'task.worker_id === readerId ? await withTexts(reader, task) : withoutTexts(task)',
      'await withTexts(reader, task)',
    ],
    [
      'the result of a rejected delivery is lost',
      '[task.result, ...earlier.map(({ result }) => result)]',
      '[task.result]',
    ],
  ]),
  ...faultsIn('rules/limits/refusals.ts', 'rules/limits/refusals', [
    ['refusals are never delayed', 'return Math.max(0, delay);', 'return 0;'],
    ['the first refusals are delayed too', ' - atOnce * stepMs, mostMs)', ', mostMs)'],
    ['holders of refusals are remembered for good', 'if (due <= now) this', 'if (due < 0) this'],
  ]),
  ...faultsIn('doors/http/output.ts', 'doors/http/long-replies', [
    ['a long reply is written in one turn', '% piecesAtOnce > 0) continue;', '> 0) continue;'],
  ]),
  ...faultsIn('doors/http/long-texts.ts', 'doors/http/long-texts', [
    ['a piece ends in the middle of a character', 'isFirstHalf(text.charCodeAt(to - 1))', 'false as boolean'],
  ]),
  ...faultsIn('rules/texts/retention.ts', 'texts/retention', [
    [
      'stored replies keep texts beyond their retention',
      'if (hasReplies) await',
      'if (hasReplies && taskId === "") await',
    ],
  ]),
];
