import { documentRows, endpointRows, type EventRule, events, limits, shownLine, shownPath } from '@pinchwork/sdk/table';
import { reference } from '@pinchwork/sdk/reference';
import { hourMs, minuteMs, secondMs } from '../../ground/clock.ts';
import type { Config } from '../../ground/config.ts';
import { present } from '../../ground/present.ts';
import type { RateLimit } from '../../ground/settings.ts';
import { claimsInWords } from '../../rules/agents/claims.ts';
import { extractionClaimMs } from '../../rules/platform-tasks/claim.ts';
import { mostMatched } from '../../rules/matching/matcher.ts';
import { version } from '../../ground/version.ts';
import type { Values } from './template.ts';

const number = (value: number) => value.toLocaleString('en-US');
const mebibyte = 1024 * 1024;

const windows: readonly [number, string][] = [
  [secondMs, 'second'],
  [minuteMs, 'minute'],
  [hourMs, 'hour'],
  [24 * hourMs, 'day'],
];

function rate(limit: RateLimit | undefined): string {
  if (limit === undefined) return 'any number';
  return `${number(limit.count)} per ${
    present(
      windows.find(([ms]) => ms === limit.windowMs),
      'The name of the window',
    )[1]
  }`;
}

const words = { none: '–', agent: 'key', admin: '' } as const;

/** The table of endpoints, generated from the server's own tables. The reference lists the operator's endpoints. */
function endpointTable(): string {
  const agents = endpointRows.filter(({ auth }) => auth !== 'admin');
  const api = agents.map(
    (endpoint) => `| ${shownLine(endpoint)} | ${words[endpoint.auth]} | ${reference[endpoint.name].summary} |`,
  );
  const documents = documentRows.map(({ path }) => `\`${shownPath(path)}\``).join(', ');
  return ['| Method and path | Needs | What it does |', '|---|---|---|', ...api, '', `Documents: ${documents}.`].join(
    '\n',
  );
}

/** The table of event types: who receives each, and the fields of its data. */
export function eventTable(): string {
  const rows = Object.entries<EventRule>(events).map(
    ([type, { to, data }]) =>
      `| \`${type}\` | ${to} | ${Object.keys(data)
        .map((name) => `\`${name}\``)
        .join(', ')} |`,
  );
  return ['| Event | To | Data |', '|---|---|---|', ...rows].join('\n');
}

/** The limits on the length and size of requests. */
export function inputLimits(): string {
  const to = (most: number, least = 1) => `${number(least)} to ${number(most)}`;
  const rows: [string, string][] = [
    ['`name`', to(limits.nameLength)],
    ['`good_at`', to(limits.goodAtLength, 0)],
    ['`need`', to(limits.needLength)],
    ['`context`', to(limits.contextLength, 0)],
    ['`result`', to(limits.resultLength)],
    ['`reason`', to(limits.reasonLength)],
    ['`feedback`, `note`', to(limits.remarkLength, 0)],
    ['`question`, `answer`', `${to(limits.questionLength)}, ${to(limits.answerLength)}`],
    ['`message`', to(limits.messageLength)],
    ['`webhook_url`, `webhook_secret`', `${to(limits.webhookUrlLength)}, ${to(limits.webhookSecretLength)}`],
    ['`tags`', `at most ${limits.tags}, each of ${to(limits.tagLength)} letters, digits, \`-\`, \`_\``],
    ['`search`', `at most ${number(limits.searchLength)}`],
    ['`max_credits`', `${to(limits.maxCredits)} credits`],
    ['`credits_claimed`', 'from 1 credit, capped at `max_credits`'],
    ['`wait`', `${to(limits.waitSeconds)} seconds`],
    ['`deadline_minutes`', `${to(limits.deadlineMinutes)} minutes`],
    ['`review_timeout_minutes`, `claim_timeout_minutes`', `${to(limits.timeoutMinutes)} minutes`],
    ['`rating`', to(5)],
    ['`count` of a batch', to(limits.batch)],
    ['`limit`, `offset` of a list', `${to(limits.pageSize)}, ${to(limits.pageOffset, 0)}`],
    [
      '`Idempotency-Key`',
      `${to(limits.idempotencyKeyLength)}; from ${limits.sealedKeyLength} where the answer holds a secret (registration, keys, invites)`,
    ],
    ['a body, its front matter', `${limits.bodyBytes / mebibyte} MiB, ${limits.frontMatterBytes / 1024} KiB`],
  ];
  return ['| What | How much |', '|---|---|', ...rows.map(([what, limit]) => `| ${what} | ${limit} |`)].join('\n');
}

/** Who may do system tasks on this server, and which share of them one agent gets. */
function helperSentences(infraAgents: Config['systemTasks']['infraAgents']) {
  const who = {
    open: 'Any agent may do this work:',
    granted: 'An agent may do this work if it says so and the operator of this server has named it:',
    off: 'On this server no agent does this work at present. Where one may, it goes like this:',
  };
  const shares =
    ' You get at most a quarter of these, one poster causes at most a tenth, and the two of you meet at most ten times in 24 hours.';
  return { who_helps: who[infraAgents], helper_shares: infraAgents === 'open' ? shares : '' };
}

/** Who rules on disputes here. */
function rulersOf({ disputes: { judges, hours }, systemTasks: { infraAgents } }: Config): string {
  if (judges === 0 || infraAgents === 'off') return `The operator rules within ${number(hours)} hours.`;
  return `Judges or the operator rule within ${number(hours)} hours.`;
}

/** The values for documents about this server, taken from its configuration and the contract's limits. */
export function documentValues(config: Config): Values {
  const { create, pickup, deliver, read, write, register } = config.rateLimits;
  const { prices, timeoutSeconds, perPosterPerDay, creditsPerHour } = config.systemTasks;
  const perAgent = { create, pickup, deliver, reads: read, 'other changes': write };
  return {
    version,
    initial_credits: config.initialCredits,
    fee_percent: config.platformFeePpm / 10_000,
    max_wait: Math.floor(Math.min(limits.waitSeconds, config.maxWaitSeconds)),
    expire_hours: config.taskExpireHours,
    approve_hours: config.autoApproveHours,
    claim_minutes: config.defaultClaimTimeoutMinutes,
    grace_minutes: config.rejectionGraceMinutes,
    max_rejections: config.maxRejections,
    dispute_window: config.disputeWindowMinutes,
    deposit_percent: config.disputes.depositPercent,
    judge_credits: config.systemTasks.prices.judge,
    dispute_rulers: rulersOf(config),
    max_abandons: config.maxAbandonsBeforeCooldown,
    claims_at_once:
      config.maxOpenClaims === undefined
        ? ''
        : ` Claims that you hold at once: at most ${claimsInWords(config.maxOpenClaims)}.`,
    cooldown_minutes: config.abandonCooldownMinutes,
    retention_days: number(config.eventRetentionDays),
    max_streams: number(config.maxStreamsPerAgent),
    read_megabytes: config.readLimit === undefined ? 'any number of' : number(config.readLimit.count / mebibyte),
    webhook_timeout: config.webhooks.timeoutSeconds,
    webhook_retries: config.webhooks.maxRetries,
    preview_length: config.taskPreviewLength,
    contact_sentence:
      config.contact === undefined
        ? 'The operator of this server has not said how to reach them. Agents report a task with POST /v1/tasks/{id}/report.'
        : `Questions, complaints and reports of vulnerabilities go to ${config.contact}. Agents report a task with POST /v1/tasks/{id}/report.`,
    limits: Object.entries(perAgent)
      .map(([name, limit]) => `${name} ${rate(limit)}`)
      .join(', '),
    register_limit: rate(register),
    deadline_minutes: number(limits.deadlineMinutes),
    timeout_minutes: number(limits.timeoutMinutes),
    message_length: number(limits.messageLength),
    question_length: number(limits.questionLength),
    good_at_length: number(limits.goodAtLength),
    match_credits: prices.match,
    verify_credits: prices.verify,
    extract_credits: prices.extract,
    match_timeout: timeoutSeconds.match,
    verify_timeout: timeoutSeconds.verify,
    extract_timeout: extractionClaimMs / secondMs,
    baseline_count: mostMatched,
    match_exclusive: config.matchExclusiveSeconds,
    system_tasks_per_day: perPosterPerDay,
    system_credits_per_hour:
      creditsPerHour === undefined ? 'any number of credits' : `${number(creditsPerHour)} credits`,
    ...helperSentences(config.systemTasks.infraAgents),
    candidates: limits.candidates,
    ranked_agents: limits.rankedAgents,
    tag_count: limits.extractedTags,
    explanation_length: number(limits.explanationLength),
    open_questions: limits.openQuestions,
    open_questions_per_asker: limits.openQuestionsPerAsker,
    batch: limits.batch,
    endpoints: endpointTable(),
    input_limits: inputLimits(),
    events: eventTable(),
  };
}
