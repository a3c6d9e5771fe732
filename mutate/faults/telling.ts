import { faultsIn } from '../fault.ts';

const stream = 'rules/events/stream events/slow-reader';
const delivery = 'rules/webhooks/delivery';
const sharing = 'rules/webhooks/sharing webhooks/leases';
const holding = 'rules/webhooks/holding';

export const tellingFaults = [
  ...faultsIn('rules/events/append.ts', stream, [
    ['a stream does not wake', '  tx.signal(event.agentId);\n', ''],
    ['an event goes to no webhook', 'if (from !== null && ', 'if (from === -1 && ', delivery],
    ['the filter of a webhook is ignored', 'eventsIn(filter).includes(event.type)', 'filter', holding],
  ]),
  ...faultsIn('rules/events/stream.ts', stream, [
    ['a hole in a stream is not told', 'if (event.number !== this.#position + 1)', 'if (event.number < 0)'],
    ['a stream stops after its first read', '        this.#wanted ||= events.length === readSize;\n', ''],
    ['a stream tells what was not asked for', '      if (this.#types?.has(event.type) === false) continue;\n', ''],
    [
      'a slow reader is never cut off',
      '++this.#lateLooks >= looksUntilCut',
      '++this.#lateLooks >= looksUntilCut * 1000',
      'rules/events/slow-reader',
    ],
    ['a stream is silent for too long', 'const looksUntilComment = 15;', 'const looksUntilComment = 16;'],
  ]),
  ...faultsIn('rules/events/streams.ts', stream, [
    ['a suspended agent opens a stream', '      if (bounds.suspended_at !== null) throw agentSuspended();\n', ''],
    ['streams that end stay counted', '    this.#count--;\n', ''],
  ]),
  ...faultsIn('rules/limits/open-requests.ts', 'rules/tasks/wait events/stream events/slow-reader', [
    ['an agent has one stream too many', '>= this.#mostPerAgent', '> this.#mostPerAgent'],
  ]),
  ...faultsIn('rules/tasks/watch.ts', 'rules/tasks/w', [
    ['all waits that end at once are answered in one turn', 'const mostWakes = 32;', 'const mostWakes = 1_000;'],
    ['a wait that ends keeps its place', '      part.release();\n      remove(', '      remove('],
    ['a wait is not cut for another agent', '() => subscription.end());', '() => undefined);'],
  ]),
  ...faultsIn('verbs/tasks/post.ts', 'rules/tasks/wait', [
    ['a create that fails keeps its place among the waits', '    place.end();\n', ''],
    [
      'a task without verification is matched by an infra agent',
      "verificationMode(terms) !== 'off';",
      'true;',
      'platform-tasks/verification',
    ],
  ]),
  ...faultsIn('verbs/tasks/work.ts', 'platform-tasks/verification', [
    [
      'a task without verification is verified by an infra agent',
      "if (verificationMode(terms) !== 'off') await",
      'await',
    ],
  ]),
  ...faultsIn('doors/http/output.ts', 'doors/http/long-replies doors/http/slow-readers', [
    [
      'all long replies are made in one turn',
      'if (units < longUnits) return undefined;',
      'if (units > 0) return undefined;',
    ],
    ['a reply that is not read is never cut', '{ cut: () => void raw.socket.destroy() }', '{}'],
    ['a read is answered whatever is in memory', ' || !changesNothing(request)) {', ' || bytes > 0) {'],
    [
      'a repetition is always answered',
      '=> isRead(request) || request.isRepetition;',
      "=> method === 'GET';",
      'attacks/outbound',
    ],
  ]),
  ...faultsIn('doors/admission.ts', 'rules/limits/reads', [
    [
      'a change is refused to an agent that has read much',
      "if (method !== 'GET' || agentId === '')",
      "if (agentId === '')",
    ],
  ]),
  ...faultsIn('rules/events/retention.ts', 'jobs/housekeeping', [
    ['an event is deleted a millisecond too early', '=> created_at >= before)', '=> created_at > before)'],
    ['young events are deleted with the old ones before them', 'front.slice(0, young)', 'front'],
  ]),
  ...faultsIn('rules/events/outbox.ts', 'rules/events/outbox', [
    ['a row that fails holds up those behind it', '      return tried.row.id;', '      return undefined;'],
    [
      'a fault that is no row’s is one',
      'if (tried.row === undefined || isStorageFailure(error)) throw error;',
      'if (tried.row === undefined) throw error;',
    ],
  ]),
  ...faultsIn('jobs/look-back.ts', 'rules/events/tail', [
    [
      'a suspension that commits late is overlooked',
      'this.#lookedAt - this.#wanted.lateMs',
      'this.#lookedAt',
      'rules/events/tail',
      { engine: 'postgres' },
    ],
  ]),
  ...faultsIn('rules/tasks/wait.ts', 'rules/tasks/wait operator/suspension', [
    ['a wait is longer than it may be', 'Math.min(seconds, ctx.config.maxWaitSeconds)', 'seconds', 'rules/tasks/wait'],
    [
      'a suspended agent is answered by its long poll',
      '      if (subscription.refusal !== undefined) throw subscription.refusal;\n',
      '',
    ],
  ]),
  ...faultsIn('rules/webhooks/schedule.ts', 'rules/webhooks/schedule', [
    ['one retry is missing', 'tries > maxRetries', 'tries >= maxRetries'],
    ['a receiver that is gone is tried again', 'statusCode === goneStatus', 'statusCode === 0'],
    [
      'Retry-After is ignored',
      'Math.max(now + pause, restUntil(result, now))',
      'now + pause',
      `rules/webhooks/schedule ${delivery}`,
    ],
    ['a receiver asks for a rest without end', 'Math.min(at, now + longestRestMs)', 'at'],
    ['the pauses grow too slowly', 'const backoffFactor = 5;', 'const backoffFactor = 4;'],
    [
      'what was delivered is forgotten too early',
      'delivered: 7 * dayMs',
      'delivered: 6 * dayMs',
      `rules/webhooks/schedule ${delivery} docs/contract`,
    ],
    ['a test is tried again', ' || isTest(row)) return end', ') return end', `rules/webhooks/schedule ${delivery}`],
  ]),
  ...faultsIn('ground/log.ts', 'ground/log.test', [
    ['secrets are logged', ', streamWrite: withoutSecrets', ''],
    ['a list of secrets is logged', '(?:"(?:[^"\\\\]|\\\\.)*"|,)*', 'none'],
  ]),
  ...faultsIn('rules/webhooks/signature.ts', 'rules/webhooks/signature', [
    ['a signature says nothing of the time', '${id}.${timestamp}.${body}', '${id}.${body}'],
    [
      'a standard secret is taken as a text',
      'secret.startsWith(standardPrefix) ? Buffer',
      'secret.startsWith("nothing") ? Buffer',
    ],
    [
      'the second signature takes the other key',
      'sha256=${hmac(secret, body)',
      'sha256=${hmac(standardKey(secret), body)',
    ],
  ]),
  ...faultsIn('rules/webhooks/slots.ts', 'rules/webhooks/slots rules/webhooks/sharing webhooks/leases', [
    ['failing receivers take all the room', 'Math.min(room, mostFailingAtOnce - this.#failing)', 'room'],
    ['slow receivers keep their slots', '      this.#taken.delete(slot);\n      this.#aside', '      this.#aside'],
  ]),
  ...faultsIn('rules/webhooks/deliverer.ts', sharing, [
    ['a lease is a second too short', 'const leaseMarginMs = 5 * secondMs;', 'const leaseMarginMs = 4 * secondMs;'],
    ['a turn has no end in time', 'sent === longestTurn || clock.now() >= endsAt', 'sent === longestTurn'],
    ['tests are sent without bound', '    if (this.#tests >= mostTests) throw overloaded();\n', ''],
    [
      'an attempt that was broken off counts',
      'return signal.aborted ? undefined : { ...consignment, result };',
      'return { ...consignment, result };',
    ],
  ]),
  ...faultsIn('rules/webhooks/turn.ts', holding, [
    [
      'a lease is not renewed',
      'leased_until: leaseEnd, failing });\n  if (receiver === undefined) return undefined;\n  tx.afterCommit(() => (turn.leasedUntil = leaseEnd));\n',
      'leased_until: turn.leasedUntil, failing });\n  if (receiver === undefined) return undefined;\n',
      sharing,
    ],
    ['a suspended agent hears of events', 'found === undefined || agent.isSuspended', '!found', delivery],
    [
      'an accepted delivery does not end a row of dead ones',
      'receiver.dead_in_row + 1 : 0',
      'receiver.dead_in_row + 1 : 1',
    ],
    ['a pause is not told', '  await serving.tellPaused(', '  if (url === "") await serving.tellPaused('],
  ]),
  ...faultsIn('rules/webhooks/leases.ts', sharing, [
    [
      'a server that lost the lease goes on sending',
      "    .where('leased_by', '=', p.leased_by)\n    .returning(",
      '    .returning(',
    ],
  ]),
  ...faultsIn('rules/webhooks/budget.ts', 'rules/webhooks/budget', [
    ['an agent sends 61 requests a minute', 'mine >= mostOfOne', 'mine > mostOfOne'],
    ['a host gets 601 requests a minute', 'all >= mostOfAll ?', 'all > mostOfAll ?'],
    ['the budget is that of a window of 60 seconds', 'const windowSeconds = 61;', 'const windowSeconds = 59;'],
    ['nothing is kept for newcomers', 'mine >= share) return', 'mine >= mostOfOne) return'],
    ['those that wait get the same time', 'Math.max(wait.until, queueAt) + spacingMs', 'wait.until'],
    [
      'requests are not counted',
      '  for (const { host } of found) tx.send(noteRequest',
      '  for (const { host } of []) tx.send(noteRequest',
    ],
  ]),
  ...faultsIn('jobs/operator-watch.ts', 'jobs/operator-watch', [
    ['the operator is told with each audit', '      if (!isNews) return;\n', ''],
    ['the operator is told of an audit only once for ever', 'Math.abs(now - Number(at)) >= repeatMs', 'Number(at) < 0'],
    ['a failover is told as a failing storage', 'const failingLooks = 3;', 'const failingLooks = 1;'],
    ['the operator is told of the storage every ten seconds', 'isTold ? repeatMs :', 'isTold ? 0 :'],
  ]),
  ...faultsIn('verbs/operator/reports.ts', 'jobs/operator-watch', [
    [
      'the operator is not told of a report',
      '    await tellOfReport({ ctx, tx, now }',
      "    if (id === '') await tellOfReport({ ctx, tx, now }",
    ],
  ]),
  ...faultsIn('rules/webhooks/operator.ts', 'jobs/operator-watch', [
    ['any number of messages about reports waits', 'if (total < mostReportsWaiting) tell', 'tell'],
  ]),
  ...faultsIn('rules/webhooks/hosts.ts', 'rules/webhooks/budget', [
    ['only names have a budget', '...addresses.map(({ address }) => network(address))', ''],
  ]),
  ...faultsIn('rules/webhooks/holding.ts', holding, [
    ['a new address needs no test', 'const isTested = url !== null && ', "const isTested = url === '' && "],
    ['a receiver is paused a delivery late', 'const deadUntilPause = 20;', 'const deadUntilPause = 21;'],
    ['a paused receiver is tested each minute', 'pauseMs: () => hourMs', 'pauseMs: () => minuteMs'],
    ['a test that never succeeds has no end', 'at > since + forMs ? null : at', 'at'],
    [
      'a delivery to a held receiver waits for ever',
      '    if (until(row) <= now) tx.send',
      '    if (until(row) < 0) tx.send',
    ],
    ['the test of an old address confirms the new one', '  closeProbe(work, agentId, before?.probe_id ?? null);\n', ''],
  ]),
  ...faultsIn('rules/webhooks/address.ts', 'rules/webhooks/address rules/webhooks/sender', [
    [
      'a private address behind NAT64 is reached',
      'return isPublicAddress(innerAddress(parsed))',
      'return innerAddress(parsed) !== ""',
    ],
    ['a name without a dot is public', 'labels.length > 1 && ', ''],
    ['the metadata service of a cloud is reached', "'168.63.129.16', ", ''],
    ['a password in an address is taken', "url.username !== '' || url.password !== ''", "url.username !== ''"],
    ['a name in a private network is public', ' && !privateEnding.test(labels.join(', ' && !/^$/.test(labels.join('],
  ]),
  ...faultsIn('rules/webhooks/connector.ts', 'rules/webhooks/sender', [
    ['one good address among bad ones is enough', '!found.every(({ address })', '!found.some(({ address })'],
    [
      'an address is not looked at again before a connection',
      'if (isIP(host) !== 0 && !this.#isAllowed(host)) return',
      'if (isIP(host) === 9) return',
    ],
  ]),
  ...faultsIn('rules/webhooks/sender.ts', 'rules/webhooks/sender', [
    ['every timeout is 10 seconds', 'this.#config.timeoutSeconds * secondMs', '10 * secondMs'],
    [
      'an address saved under looser rules is sent to',
      'if (addressProblem(url, this.#config) !== undefined) throw',
      'if (url === "") throw',
    ],
  ]),
  ...faultsIn('rules/webhooks/response.ts', `rules/webhooks/sender ${delivery}`, [
    ['a redirect counts as delivered', 'statusCode < 300) return null', 'statusCode < 400) return null'],
    ['a response is read without end', '    if (read > mostResponseBytes) return;\n', ''],
  ]),
];
