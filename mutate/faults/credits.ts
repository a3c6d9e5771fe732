import { faultsIn } from '../fault.ts';

const ledger = 'rules/ledger/ledger rules/lifecycle/';
const idempotency = 'doors/http/idempotency';
const limits = 'rules/limits/';
const transactions = 'storage/transactions storage/batches storage/full-disk';

export const creditFaults = [
  ...faultsIn('rules/ledger/ledger.ts', ledger, [
    ['a debit takes more than there is', 'Math.min(amount, balance)', 'amount', 'operator/cancel'],
    ['a fee is rounded up', 'return Math.floor((creditsCharged', 'return Math.ceil((creditsCharged'],
    ['a fee is rounded to the nearest', 'return Math.floor((creditsCharged', 'return Math.round((creditsCharged'],
    [
      'the rest is not given back',
      "    { account: task.poster_id, amount: task.max_credits - task.credits_charged, reason: 'refund' },\n",
      '',
    ],
    [
      "the platform's payment stands in no ledger",
      "  writeEntries(tx, transfer, task.id, mintLegs(task.worker_id, task.price, 'payment'));\n",
      '',
      'platform-tasks/platform-tasks platform-tasks/verification platform-tasks/extraction platform-tasks/withdrawal',
    ],
    [
      'an escrow has another reason in its ledger',
      "amount: -price, reason: 'escrow' }",
      "amount: -price, reason: 'payment' }",
    ],
    [
      'the bonus is not told from a grant',
      "mintLegs(agentId, bonus, 'signup_bonus')",
      "mintLegs(agentId, bonus, 'grant')",
    ],
  ]),
  ...faultsIn('rules/ledger/queries.ts', ledger, [
    ['the last credit can not be spent', ".where('balance', '>=', p.amount)", ".where('balance', '>', p.amount)"],
    [
      'a page of the ledger repeats the last entry of the one before',
      ".where('transfer_id', '<', p.before)",
      ".where('transfer_id', '<=', p.before)",
      'doors/http/query-strings verbs/tasks/lists',
    ],
    ['what was settled counts as in escrow', "        .where(statusIn('status', openStates))\n", ''],
  ]),
  ...faultsIn('rules/ledger/budget.ts', 'platform-tasks/farming', [
    ['a quota is one too large', '>= perPosterPerDay) return false', '> perPosterPerDay) return false'],
    [
      'the day of a quota is a millisecond too long',
      ".where('posted_at', '>', p.since)\n      .where('kind', 'in'",
      ".where('posted_at', '>=', p.since)\n      .where('kind', 'in'",
    ],
    ['the hour of the budget is too short', 'since: period - periods - 1,', 'since: period - periods + 30,'],
    ['what is withdrawn counts against the quota', '  tx.send(deletePosted, { task_id: task.id });\n', ''],
    [
      'what is withdrawn stays spent',
      '  tx.send(unspend, { period: periodOf(task.created_at), credits: task.max_credits });\n',
      '',
      'platform-tasks/platform-tasks platform-tasks/verification platform-tasks/extraction platform-tasks/withdrawal',
    ],
  ]),
  ...faultsIn('rules/reputation/standing.ts', 'verbs/agents/trust verbs/tasks/rate', [
    ['a middling rating costs trust', 'rating >= 3', 'rating > 3'],
    [
      'a rejection is counted twice',
      "deliveries_rejected', '+', 1",
      "deliveries_rejected', '+', 2",
      'verbs/agents/stats',
    ],
  ]),
  ...faultsIn('rules/reputation/trust.ts', 'verbs/agents/trust', [
    ['trust moves twice as fast', 'const step = 0.1;', 'const step = 0.2;'],
    ['trust falls by too little', '${sql.lit(1 - step)}', '${sql.lit(1 - step / 2)}'],
  ]),
  ...faultsIn('doors/idempotency.ts', idempotency, [
    ['a key may be used for another request', 'earlier.fingerprint !== fingerprint', 'false'],
    [
      'a key that has expired is still known',
      "'idempotency_keys.expires_at', '<=', p.now",
      "'idempotency_keys.expires_at', '<', 0",
    ],
    ['agents share their keys', "kind === 'agent' ? agentId :", "kind === 'agent' ? kind :"],
    ['a key is kept an hour too short', 'keptMs: 24 * hourMs', 'keptMs: 23 * hourMs'],
    [
      'a reply without content is kept',
      'if (value === null) tx.send(giveKeyBack',
      'if (value === undefined) tx.send(giveKeyBack',
    ],
    ['registrations from two addresses share a key', '`register ${address}`', "'register'"],
    [
      'a key of the agent reads the secret of another',
      "sha256(`${caller.key?.id ?? ''}\\n${fingerprint}`)",
      'fingerprint',
      `${idempotency} agents/key`,
    ],
    [
      "a registration's reply is stored as it is, with its API key",
      'seal: (reply) => encrypt(key, reply),\n    open: (stored) => decrypt(key, stored),',
      'seal: asItIs,\n    open: asItIs,',
      `${idempotency} doors/http/privacy`,
    ],
    ['a key of any length is taken', 'key.length > limits.idempotencyKeyLength', 'false'],
  ]),
  ...faultsIn('doors/admission.ts', limits, [
    ['a reset is rounded down', 'Math.ceil((endsAt - now) / secondMs)', 'Math.floor((endsAt - now) / secondMs)'],
    ['bad keys are refused without end', 'refusal: refusalOf(usage, clock.now()) ?? error', 'refusal: error'],
    [
      'a missing scope and a suspension are refused without end',
      'refusalOf(usage, ctx.clock.now()) ?? refusalOfCaller(caller)',
      'refusalOfCaller(caller) ?? refusalOf(usage, ctx.clock.now())',
    ],
  ]),
  ...faultsIn('doors/caller.ts', 'operator/suspension agents/key', [
    ['a suspended agent keeps its key', '  if (isSuspended) return agentSuspended();\n', ''],
    ['a key does what no scope of its allows', 'key === undefined || allows(key.scopes, scopes)', 'true'],
    [
      'the body of an agent that was suspended meanwhile is taken',
      'now - checkedAt > staleMs',
      'now - checkedAt > 1e12',
    ],
  ]),
  ...faultsIn('rules/limits/registrations.ts', 'rules/limits/registrations', [
    ['a /56 registers without end', 'const siteTimes = 10;', 'const siteTimes = 1e9;'],
    ['a /48 registers without end', 'const wideTimes = 20;', 'const wideTimes = 1e9;'],
    ['a crowd of networks registers without end', 'const brakeTimes = 200;', 'const brakeTimes = 1e9;'],
    ['a crowd keeps newcomers out', 'open.has(wide.key) ? [...narrow, wide, all] : narrow', '[...narrow, wide, all]'],
    ['a repetition is counted', 'if (repetition !== undefined && open.has(repetition)) return true;', ''],
    ['a repetition is known without end', 'const repetitionMs = 10 * minuteMs;', 'const repetitionMs = 1e9;'],
  ]),
  ...faultsIn('rules/limits/windows.ts', limits, [
    ['a limit lets one more through', 'window.used < limit.count', 'window.used <= limit.count'],
    ['what is not told yet is lost by a merge', 'window.used = count + window.unsent', 'window.used = count'],
    [
      'a share is given back to another window',
      'if (window?.endsAt !== endsAt) return;',
      'if (window === undefined) return;',
    ],
    ['windows are swept while they last', '>= this.#longestMs + skewMs', '>= this.#longestMs / 2'],
    ['a clock set back makes a window last', ' && now >= known.endsAt - windowMs - skewMs', ''],
  ]),
  ...faultsIn('rules/limits/network.ts', limits, [
    ['each address of a network has a limit of its own', 'own: textOf(first, second, third, fourth),', 'own: address,'],
  ]),
  ...faultsIn('rules/limits/limits.ts', limits, [
    [
      'counts are lost when they can not be told',
      '      for (const tally of portions.slice(done).flat()) windows.restore(tally);\n',
      '',
      limits,
      { engine: 'postgres' },
    ],
  ]),
  ...faultsIn('storage/sqlite/batches.ts', transactions, [
    ['a verb that fails is not undone', "writer.prepare('rollback to verb')", "writer.prepare('release verb')"],
    [
      'answers leave before the commit',
      '      settles = await this.#attempts(jobs);',
      '      for (const job of jobs) job.resolve(undefined);\n      settles = await this.#attempts(jobs);',
    ],
  ]),
  ...faultsIn('audit/portion.ts', 'audit/portion', [
    ['the audit never checks fewer subjects at once', 'if (this.#slowestMs > slowMs) this', 'if (false) this'],
  ]),
  ...faultsIn('storage/sqlite/rests.ts', 'storage/rests', [
    [
      'a long reader leaves the log no moment to begin anew',
      'if (this.#pagesInLog() > checkpointPages) return this.#rest();',
      '',
    ],
    ['a long reader rests although nobody writes', ' && quiet < quietNaps', ''],
  ]),
  ...faultsIn('storage/sqlite/tx.ts', transactions, [
    ['a statement that failed is forgotten', '    if (this.#failure !== undefined) throw this.#failure.error;', ''],
    [
      'a transaction that is over takes statements',
      'return this.#open ? this.#failure : { error: isOver() };',
      'return this.#failure;',
    ],
  ]),
];
