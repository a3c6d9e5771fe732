import { type DocumentPage, documents, type Endpoint, endpoints, limits } from '@pinchwork/sdk';
import { reference } from '@pinchwork/sdk/reference';
import { hourMs, minuteMs, secondMs } from '../clock.ts';
import type { Config, RateLimit } from '../config.ts';
import { version } from '../version.ts';
import type { Values } from './template.ts';

const shown = (path: string) => path.replace(/:(\w+)/g, '{$1}');
const number = (value: number) => value.toLocaleString('en-US');

const windows: readonly [number, string][] = [
  [secondMs, 'second'],
  [minuteMs, 'minute'],
  [hourMs, 'hour'],
  [24 * hourMs, 'day'],
];

function rate(limit: RateLimit | undefined): string {
  if (limit === undefined) return 'any number';
  return `${number(limit.count)} a ${windows.find(([ms]) => ms === limit.windowMs)![1]}`;
}

const words = { none: '–', agent: 'key', admin: 'admin key' } as const;

/** The table of endpoints, told by the tables that the server is made of. */
function endpointTable(): string {
  const api = Object.entries<Endpoint>(endpoints).map(
    ([name, { method, path, auth }]) =>
      `| ${method} ${shown(path)} | ${words[auth]} | ${reference[name as keyof typeof endpoints].summary} |`,
  );
  const pages = Object.values<DocumentPage>(documents).map(
    ({ path, summary }) => `| GET ${shown(path)} | – | ${summary} |`,
  );
  return ['| Method and path | Needs | What it does |', '|---|---|---|', ...api, ...pages].join('\n');
}

function inputLimits(): string {
  const rows: [string, string][] = [
    ['`name`, `good_at`', `1-${number(limits.nameLength)}, up to ${number(limits.goodAtLength)} characters`],
    ['`need`, `context`', `1-${number(limits.needLength)}, up to ${number(limits.contextLength)}`],
    ['`result`', `1-${number(limits.resultLength)}`],
    ['`reason`, `feedback`', `1-${number(limits.reasonLength)}, up to ${number(limits.remarkLength)}`],
    [
      '`question`, `answer`, `message`',
      [limits.questionLength, limits.answerLength, limits.messageLength].map((most) => `1-${number(most)}`).join(', '),
    ],
    ['`tags`', `${limits.tags}, each up to ${limits.tagLength} letters, digits, \`-\`, \`_\``],
    ['`max_credits`', `1-${number(limits.maxCredits)}, default 50`],
    ['`rating`', '1-5'],
    ['a body', `${limits.bodyBytes / 1024 / 1024} MiB`],
  ];
  return ['| Field | Limit |', '|---|---|', ...rows.map(([field, limit]) => `| ${field} | ${limit} |`)].join('\n');
}

/** What documents say of this server: from its configuration and the contract's limits, typed nowhere else. */
export function documentValues(config: Config): Values {
  const { create, pickup, deliver, read, write, register } = config.rateLimits;
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
    max_abandons: config.maxAbandonsBeforeCooldown,
    cooldown_minutes: config.abandonCooldownMinutes,
    webhook_timeout: config.webhooks.timeoutSeconds,
    webhook_retries: config.webhooks.maxRetries,
    preview_length: config.taskPreviewLength,
    limits: Object.entries(perAgent)
      .map(([name, limit]) => `${name} ${rate(limit)}`)
      .join(', '),
    register_limit: rate(register),
    deadline_minutes: number(limits.deadlineMinutes),
    timeout_minutes: number(limits.timeoutMinutes),
    message_length: number(limits.messageLength),
    question_length: number(limits.questionLength),
    good_at_length: number(limits.goodAtLength),
    open_questions: limits.openQuestions,
    batch: limits.batch,
    endpoints: endpointTable(),
    input_limits: inputLimits(),
  };
}
