import { faultsIn } from '../fault.ts';

const paging = 'doors/http/query-strings verbs/tasks/lists';
const order = 'rules/board/order rules/board/behind';
const search = 'rules/board/search rules/search/text-index';
const matcher = 'rules/matching/matcher';

const deletion = 'verbs/agents/deletion';

export const readingFaults = [
  ...faultsIn('ground/paging.ts', paging, [
    [
      'the last page promises another one',
      'last !== undefined && found.length > rows.length ?',
      'last !== undefined ?',
    ],
    ['a cursor of another list is taken', 'known === list && ', ''],
    [
      'a cursor goes with an offset',
      '  if (offset > 0) throw invalid("cursor and offset',
      '  if (offset < 0) throw invalid("cursor and offset',
    ],
    ['a total of exactly the most is capped', 'total > limits.countedTotal ?', 'total >= limits.countedTotal ?'],
  ]),
  ...faultsIn('ground/page-size.ts', 'ground/page-size verbs/tasks/page-size', [
    ['a page of tasks may be of any size', 'if (roughBytes(rows) <= mostBytes) return [...rows];', 'return [...rows];'],
    ['a text of a page is cut a character early', '++count > characters', '++count >= characters'],
    ['a page of messages never ends early', 'if (i > 0 && left < 0) return i;', ''],
    ['a long first row makes a page empty', 'if (i > 0 && left < 0) return i;', 'if (left < 0) return i;'],
    ['a cut row does not say so', '{ ...shorter, truncated: true }', 'shorter'],
    ['escapes do not count', 'if (code < 0x20) return code', 'if (code < 0) return code'],
    ['escapes of Markdown do not count', 'if (code <= 0x9f) return 6;', ''],
  ]),
  ...faultsIn('rules/board/order.ts', order, [
    ['shared tags count against a task', 'b[0] - a[0] ||', 'a[0] - b[0] ||'],
    ['newer tasks come first', 'a[3] - b[3]', 'b[3] - a[3]'],
    ['unknown posters are trusted least', 'row.trust ?? unknownTrust', 'row.trust ?? 0'],
    ['reputation does not count', ' || b[1] - a[1]', ''],
    ['hints do not count', ', ...storedTexts(row.hints)]', ']'],
  ]),
  ...faultsIn('rules/board/board.ts', order, [
    ['an offset is one too large', 'met++ >= offset', 'met++ > offset'],
    [
      'tasks behind the window are passed over',
      'if (left.some(({ id }) => near.has(id)))',
      'if (left.length < 0)',
      'rules/board/behind rules/board/reach',
    ],
    ['a task that was shown is shown again', 'if (!ahead.delete(row.id) && ', 'if ('],
  ]),
  ...faultsIn('rules/board/scan.ts', 'rules/board/scan', [
    [
      'a page of a search is too long',
      'return { rows: rows.slice(0, want), end: keyOf(at(rows, want - 1)) };',
      'return { rows, end: keyOf(rows.at(-1)!) };',
    ],
    [
      'a search goes on behind the portion that it left',
      'after = keyOf(at(portion, -1));',
      'after = keyOf(found.at(-1)!);',
    ],
  ]),
  ...faultsIn('rules/search/fold.ts', 'rules/search/fold', [
    ['a final sigma is another letter', ".replaceAll('ς', 'σ')", ''],
    ['upper case is another letter', 'text.toLowerCase().', 'text.'],
  ]),
  ...faultsIn('rules/search/texts.ts', search, [
    ['the context is not searched', '[fold(need), fold(context)]', '[fold(need)]'],
  ]),
  ...faultsIn('rules/matching/points.ts', matcher, [
    ['a tag counts no more than a word', 'tagPoints = 2 * wordPoints', 'tagPoints = wordPoints'],
    ['a stuffed text counts in full', ' * brevity(words)', ''],
    ['a common word counts as much as a rare one', 'wordPoints * rarity(agents, Math.max(all, agents))', 'wordPoints'],
  ]),
  ...faultsIn('rules/matching/matches.ts', matcher, [['a newcomer has a head start', 'Number(id !== newcomer)', '1']]),
  ...faultsIn('rules/board/queries.ts', matcher, [
    [
      'the board shows a newcomer what is held for others',
      'isOpen(p), isShown, hasTagsAnyhow',
      'isOpen(p), hasTagsAnyhow',
    ],
  ]),
  ...faultsIn('rules/matching/word-index.ts', 'rules/matching/word-index', [
    ['a word that an agent keeps has its old length', 'after.size === before.size ?', 'after.size > 0 ?'],
  ]),
  ...faultsIn('rules/matching/matcher.ts', matcher, [
    ['any number of newcomers is chosen', '!agent.isNewcomer || agent === best', 'agent !== undefined'],
    ['only the first newcomers are looked at', ' && choose(found).agents.length >= mostMatched', ''],
    ['a poster is found for its own task', '  scores.delete(wanted.posterId);\n', ''],
    [
      'the platform is a candidate',
      ' && id !== platformId',
      '',
      'platform-tasks/platform-tasks platform-tasks/verification platform-tasks/extraction platform-tasks/withdrawal',
    ],
    ['reputation breaks no ties', ' || b.standing_e3 - a.standing_e3 ||', ' ||'],
    [
      'a suspended agent is found',
      "    .where(engine.isListed('id', p.agents))\n    .where('suspended_at', 'is', null),",
      "    .where(engine.isListed('id', p.agents)),",
    ],
    ['words that everybody says count', 'agents > 0 && !isCommon(agents, all)', 'agents > 0'],
  ]),
  ...faultsIn('rules/matching/words.ts', 'rules/matching/', [
    ['words of two letters do not count', 'const shortest = 2;', 'const shortest = 3;'],
    ['full-width letters are others', "normalized(text, 'NFKC')", "normalized(text, 'NFC')"],
  ]),
  ...faultsIn('rules/agents/authenticator.ts', 'doors/http/auth operator/suspension agents/key', [
    ['what another server has ended goes on to the end of its clock', 'if (key.isEnded || (', 'if (('],
    ['a key does not end', 'if (!isRepeat) throw endedKey();', ''],
    ['a rotated key goes on for ten minutes', 'const isRepeat = mayRepeat && ', 'const isRepeat = '],
    ['a key is told by its name alone', ' || !timingSafeEqual(Buffer.from(row.key_hash), Buffer.from(keyHash))', ''],
  ]),
  ...faultsIn('verbs/agents/deletion.ts', deletion, [
    ['an agent is deleted without its confirmation', 'confirm !== agentId', 'false'],
    ['an agent leaves its tasks behind', 'if (posted !== undefined) {', 'if (posted?.id === agent) {'],
    ['an agent leaves its claims behind', 'if (held === undefined) return;', 'if (held?.id !== agent) return;'],
  ]),
  ...faultsIn('rules/deletion/close.ts', deletion, [
    ['a deleted agent keeps its credits', 'amount: Number.MAX_SAFE_INTEGER', 'amount: 0'],
    ['a deleted agent keeps its webhook', '  await replaceReceiver(work, id, null);\n', '', `${deletion} webhooks/`],
  ]),
  ...faultsIn('rules/deletion/erase.ts', deletion, [
    [
      'a reported text is removed',
      'page.filter(({ is_reported }) => !is_reported)',
      'page',
      undefined,
      {
        survives:
          'Second line of defence: the removal itself looks for open reports, under the lock of the task; the filter spares a transaction.',
      },
    ],
    ['the first texts are removed, and no others', 'page.length < portion', 'page.length <= portion'],
  ]),
  ...faultsIn('jobs/erasure.ts', deletion, [
    ['what came late is left to a deleted agent', 'began < deletedAt + lateMs ?', 'began < deletedAt ?'],
  ]),
  ...faultsIn('doors/http/cors.ts', 'doors/http/cors', [
    ['any origin may call', 'corsOrigins.includes(origin.toLowerCase())', "origin !== ''"],
    ['a cache mixes up origins', "[reply.getHeader('vary'), 'Origin']", "[reply.getHeader('vary')]"],
    ['a page can not read our headers', "    reply.header('access-control-expose-headers', exposedHeaders);\n", ''],
  ]),
  ...faultsIn('doors/http/security.ts', 'doors/http/security', [
    ['a browser may guess the type of a reply', "    'x-content-type-options': 'nosniff',\n", ''],
    [
      'a cache keeps what a key has read',
      "request.headers.authorization !== undefined || request.method !== 'GET'",
      "request.method !== 'GET'",
    ],
  ]),
  ...faultsIn('ground/preview.ts', 'doors/pages/pages', [
    ['a preview shows the whole text', "${points.slice(0, length).join('')}…", '${line}…'],
  ]),
  ...faultsIn('verbs/public/board.ts', 'doors/pages/market', [
    ['a public search reads the whole text', 'fold(`${task.preview}', 'fold(`${task.need}'],
    [
      'the next page begins with the last task of this one',
      '[last.created_at, last.id]',
      '[last.created_at + 1, last.id]',
    ],
  ]),
  ...faultsIn('rules/market/flow.ts', 'doors/pages/market', [
    ['credits of a few agents are shown under their tag', "tag !== '' && agents.size >= leastAgents", "tag !== ''"],
    ['the others may be a single agent', 'agentsOf(others).size < leastAgents', 'agentsOf(others).size < 0'],
  ]),
  ...faultsIn('verbs/public/task.ts', 'doors/pages/market', [
    ['everybody sees who posted a task that is under way', 'stateOf(task.status).isOnBoard && task', 'task'],
  ]),
  ...faultsIn('doors/http/pages/site.ts', 'doors/pages/market', [
    ['programs get pages', '!forPrograms.test(url)', 'url !== ""'],
  ]),
  ...faultsIn('doors/http/documents/client.ts', 'doors/pages/client', [
    ['the program is kept after it was built again', 'if (kept?.from !== from)', 'if (kept === undefined)'],
    ['the shell reads the address that a client sends', 'server: quoted(base_url)', 'server: base_url'],
    [
      'the script may be cached for all hosts',
      'cacheDocument(ctx, reply), {',
      "reply.header('cache-control', 'public'), {",
    ],
  ]),
  ...faultsIn('doors/http/hashed.ts', 'doors/pages/client', [
    ['a weak tag is not known', ".replace(/^W\\//, '')", ''],
    ['a document is sent again to a client that has it', 'each === tag ||', ''],
  ]),
  ...faultsIn('doors/pages/guide.ts', 'doors/pages/skill', [
    ['a file of sections cannot be had by its name', ' ?? references.get(name)', ''],
    ['the skill has a field that the specification does not know', "  'license: MIT',", "  'licence: MIT',"],
  ]),
  ...faultsIn('doors/http/documents/guide.ts', 'doors/pages/skill', [
    ['the digest of the skill is that of another text', 'update(guide.skill)', 'update(guide.page)'],
    [
      'the guide keeps the address of the first request',
      'if (address !== last.address) last',
      "if (last.address === '') last",
    ],
  ]),
  ...faultsIn('doors/pages/sections.ts', 'doors/pages/skill', [
    ['a section can not be had by its short name', "  start: 'quick-start',\n", ''],
    ['the slug of a section keeps its punctuation', ".replace(/[^\\p{L}\\p{N} -]/gu, '')", ''],
  ]),
  ...faultsIn('ground/ids.ts', 'ids clock', [
    ['ids of one millisecond are not in order', '&& drawn > latest) latest = drawn;', ') latest = drawn;'],
    ['a clock set back makes older ids', 'if (now > latestMs) startOf', 'if (now !== latestMs) startOf'],
  ]),
  ...faultsIn('audit/ledger-checks.ts', 'audit/audit', [
    [
      'the audit overlooks a transfer that does not sum to zero',
      'having sum(e.amount) <> 0',
      'having sum(e.amount) <> sum(e.amount)',
    ],
    ['the audit overlooks a balance that is no sum', 'where balance <> entries or balance < 0', 'where balance < 0'],
  ]),
  ...faultsIn('audit/agent-checks.ts', 'audit/audit', [
    ['the audit overlooks a gap in a stream', 'where kept <> last_number - first + 1', 'where kept < 0'],
  ]),
  ...faultsIn('audit/history-checks.ts', 'audit/audit', [
    ['the audit overlooks a step that begins elsewhere', ' or h.from_status is distinct from p.to_status)', ')'],
  ]),
];
