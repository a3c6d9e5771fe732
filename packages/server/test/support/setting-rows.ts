import type { Config } from '../../src/ground/config.ts';
import type { settings } from '../../src/ground/settings.ts';
import { list } from './list.ts';

/** The default of a setting, values that it accepts, and values that it refuses. */
interface SettingRow {
  readonly read: (config: Config) => unknown;
  readonly fallback: unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
  readonly mustBe: string;
}

const noNumbers = ['1 000', ...list('x 1e3 0x10 -1 +1 1,5 1_000 NaN Infinity ١ 5m true --1 . 1.')];

const whole = (read: SettingRow['read'], fallback: number, min: number, max: number): SettingRow => ({
  read,
  fallback,
  good: [
    [String(min), min],
    [String(max), max],
    [` ${max} `, max],
    [`00${min}`, min],
  ],
  bad: [...noNumbers, '1.5', '1.0', String(max + 1), ...(min > 0 ? [String(min - 1)] : []), '9'.repeat(400)],
  mustBe: `a whole number from ${min} to ${max}`,
});

const duration = (read: SettingRow['read'], fallback: number, max: number): SettingRow => ({
  read,
  fallback,
  good: [
    ['1', 1],
    ['0.5', 0.5],
    ['.25', 0.25],
    ['0.000001', 0.000001],
    [String(max), max],
  ],
  bad: [...noNumbers, '0', '0.0', '0.0000001', '1.5.5', `${max}.1`, String(max + 1)],
  mustBe: `a number from 0.000001 to ${max} with at most 6 decimals`,
});

const year = 8_760;

const rate = (read: (config: Config) => unknown, count: number, windowMs: number): SettingRow => ({
  read,
  fallback: { count, windowMs },
  good: [
    ['off', undefined],
    ['1/second', { count: 1, windowMs: 1_000 }],
    ['120/minute', { count: 120, windowMs: 60_000 }],
    ['5/hour', { count: 5, windowMs: 3_600_000 }],
    ['999999999/day', { count: 999_999_999, windowMs: 86_400_000 }],
  ],
  bad: [...noNumbers, '0/minute', '-1/minute', '1.5/minute', '5 / hour', '5/week', '5/', '/hour', 'OFF', '5/Hour', '5'],
  mustBe: 'a number per second, minute, hour or day, such as 30/minute, or off',
});

/** A minute and an hour, in milliseconds. */
const [minute, hour] = [60_000, 3_600_000];

const anyCredits = whole((config) => config.systemTasks.creditsPerHour, 1_000, 0, 1_000_000_000);
const anyClaims = whole((config) => config.maxOpenClaims, 50, 1, 1_000_000);
const creditsPerHour: SettingRow = { ...anyCredits, good: [...anyCredits.good, ['off', undefined]] };

/** Every setting. The type checker asks for each. */
export const settingRows: Record<keyof typeof settings, SettingRow> = {
  DATABASE_URL: {
    read: (config) => config.databaseUrl,
    fallback: 'data/pinchwork.db',
    good: ['/var/lib/p.db', 'p.db', './a b/ü.db', 'postgres://u:p@h:1/d?sslmode=require', 'postgresql://h/d'].map(
      (url) => [url, url] as const,
    ),
    bad: list(
      'mysql://u@h/d sqlite:///p.db file:///p.db http://h POSTGRES://h/d postgres://h:port/d postgres://u:a#b@h/d',
    ),
    mustBe: 'the path of a file or a URL like postgres://user:password@host/name',
  },
  HOST: {
    read: (config) => config.host,
    fallback: '127.0.0.1',
    good: ['0.0.0.0', '::', 'localhost'].map((host) => [host, host] as const),
    bad: [],
    mustBe: '',
  },
  PORT: whole((config) => config.port, 8_000, 0, 65_535),
  PUBLIC_URL: {
    read: (config) => config.publicUrl,
    fallback: undefined,
    good: [
      ['https://market.example', 'https://market.example'],
      ['https://market.example/', 'https://market.example'],
      ['HTTP://Market.Example:8000', 'http://market.example:8000'],
      ['http://[::1]:8000', 'http://[::1]:8000'],
    ],
    bad: list(
      'market.example ftp://h https:// https://h/path https://h?x=1 https://h#x https://u:p@h https://h:443 javascript:alert(1)',
    ),
    mustBe: 'the http or https address of this server without a path',
  },
  CONTACT: {
    read: (config) => config.contact,
    fallback: undefined,
    good: [
      ['mailto:security@market.example', 'mailto:security@market.example'],
      ['https://market.example/contact?about=security', 'https://market.example/contact?about=security'],
    ],
    bad: ['security@market.example', 'http://market.example', 'mailto:', 'https://', 'https://a"b', 'mailto:<a@b>'],
    mustBe: 'an https or mailto address, such as mailto:security@market.example',
  },
  ADMIN_KEY: {
    read: (config) => config.adminKey,
    fallback: undefined,
    good: ['x'.repeat(16), 'x'.repeat(500), '!"#$%&/()=?`{}[]~'].map((key) => [key, key] as const),
    bad: [
      'sesame',
      'y'.repeat(15),
      `${'x'.repeat(20)} y`,
      `${'x'.repeat(20)}\ty`,
      `${'x'.repeat(20)}é`,
      `${'x'.repeat(20)}\x7f`,
    ],
    mustBe: 'at least 16 printable ASCII characters without spaces',
  },
  INITIAL_CREDITS: whole((config) => config.initialCredits, 100, 0, 1_000_000),
  REGISTRATION: {
    read: (config) => config.registration,
    fallback: 'open',
    good: (['open', 'invite', 'closed'] as const).map((mode) => [mode, mode] as const),
    bad: ['Open', 'invites', 'true'],
    mustBe: 'one of open, invite, closed',
  },
  AUTO_APPROVE_HOURS: duration((config) => config.autoApproveHours, 24, year),
  TASK_EXPIRE_HOURS: duration((config) => config.taskExpireHours, 72, year),
  DEFAULT_CLAIM_TIMEOUT_MINUTES: duration((config) => config.defaultClaimTimeoutMinutes, 1_440, year * 60),
  REJECTION_GRACE_MINUTES: duration((config) => config.rejectionGraceMinutes, 5, 1_440),
  DISPUTE_WINDOW_MINUTES: duration((config) => config.disputeWindowMinutes, 60, 1_440),
  MAX_REJECTIONS: whole((config) => config.maxRejections, 3, 1, 1_000),
  MAX_ABANDONS_BEFORE_COOLDOWN: whole((config) => config.maxAbandonsBeforeCooldown, 5, 1, 1_000_000),
  MAX_OPEN_CLAIMS: { ...anyClaims, good: [...anyClaims.good, ['off', undefined]] },
  ABANDON_COOLDOWN_MINUTES: duration((config) => config.abandonCooldownMinutes, 30, year * 60),
  MAX_WAIT_SECONDS: duration((config) => config.maxWaitSeconds, 300, 300),
  PLATFORM_FEE_PERCENT: {
    read: (config) => config.platformFeePpm,
    fallback: 100_000,
    good: [
      ['0', 0],
      ['2.5', 25_000],
      ['0.0001', 1],
      ['0.57', 5_700],
      ['1.13', 11_300],
      ['33.3333', 333_333],
      ['.1', 1_000],
      ['100', 1_000_000],
      ['100.0000', 1_000_000],
    ],
    bad: [...noNumbers, '100.0001', '101', '0.00001', '10%'],
    mustBe: 'a number from 0 to 100 with at most 4 decimals',
  },
  INFRA_AGENTS: {
    read: (config) => config.systemTasks.infraAgents,
    fallback: 'open',
    good: ['open', 'granted', 'off'].map((mode) => [mode, mode] as const),
    bad: ['Open', 'all', 'true', '1'],
    mustBe: 'one of open, granted, off',
  },
  RATE_LIMIT_REGISTER: rate((config) => config.rateLimits.register, 5, hour),
  RATE_LIMIT_CREATE: rate((config) => config.rateLimits.create, 30, minute),
  RATE_LIMIT_PICKUP: rate((config) => config.rateLimits.pickup, 60, minute),
  RATE_LIMIT_DELIVER: rate((config) => config.rateLimits.deliver, 30, minute),
  RATE_LIMIT_READ: rate((config) => config.rateLimits.read, 120, minute),
  RATE_LIMIT_WRITE: rate((config) => config.rateLimits.write, 60, minute),
  RATE_LIMIT_ADMIN: rate((config) => config.rateLimits.admin, 30, minute),
  MATCH_TIMEOUT_SECONDS: duration((config) => config.systemTasks.timeoutSeconds.match, 120, 86_400),
  MATCH_EXCLUSIVE_SECONDS: duration((config) => config.matchExclusiveSeconds, 120, 86_400),
  VERIFICATION_TIMEOUT_SECONDS: duration((config) => config.systemTasks.timeoutSeconds.verify, 120, 86_400),
  MATCH_CREDITS: whole((config) => config.systemTasks.prices.match, 3, 1, 100_000),
  VERIFY_CREDITS: whole((config) => config.systemTasks.prices.verify, 5, 1, 100_000),
  CAPABILITY_EXTRACT_CREDITS: whole((config) => config.systemTasks.prices.extract, 2, 1, 100_000),
  JUDGE_CREDITS: whole((config) => config.systemTasks.prices.judge, 5, 1, 100_000),
  DISPUTE_JUDGES: whole((config) => config.disputes.judges, 3, 0, 15),
  DISPUTE_HOURS: duration((config) => config.disputes.hours, 72, 8_760),
  DISPUTE_DEFAULT_SHARE: whole((config) => config.disputes.defaultShare, 50, 0, 100),
  DISPUTE_DEPOSIT_PERCENT: whole((config) => config.disputes.depositPercent, 10, 0, 100),
  SYSTEM_TASKS_PER_POSTER_PER_DAY: whole((config) => config.systemTasks.perPosterPerDay, 50, 0, 10_000),
  SYSTEM_CREDITS_PER_HOUR: creditsPerHour,
  TEXT_MB_PER_DAY: {
    read: (config) => config.textsPerDay,
    fallback: 64 * 1024 * 1024,
    good: [
      ['1', 1024 * 1024],
      ['off', undefined],
    ],
    bad: ['0', '1.5', '-1', 'none', '1000001'],
    mustBe: 'a whole number from 1 to 1000000',
  },
  READ_MB_PER_MINUTE: {
    read: (config) => config.readLimit?.count,
    fallback: 60 * 1024 * 1024,
    good: [
      ['1', 1024 * 1024],
      ['off', undefined],
    ],
    bad: ['0', '1.5', '-1', 'none', '1000001'],
    mustBe: 'a whole number from 1 to 1000000',
  },
  EVENT_RETENTION_DAYS: duration((config) => config.eventRetentionDays, 7, 3_650),
  TEXT_RETENTION_DAYS: {
    read: (config) => config.textRetentionDays,
    fallback: 0,
    good: [
      ['0', 0],
      ['0.5', 0.5],
      ['30', 30],
      ['3650', 3_650],
    ],
    bad: [...noNumbers, 'off', '3651', '0.0000001'],
    mustBe: 'a number from 0 to 3650 with at most 6 decimals',
  },
  MAX_STREAMS_PER_AGENT: whole((config) => config.maxStreamsPerAgent, 10, 1, 1_000),
  TASK_PREVIEW_LENGTH: whole((config) => config.taskPreviewLength, 80, 1, 1_000),
  WEBHOOK_TIMEOUT_SECONDS: duration((config) => config.webhooks.timeoutSeconds, 10, 300),
  WEBHOOK_MAX_RETRIES: whole((config) => config.webhooks.maxRetries, 3, 0, 24),
  WEBHOOK_ALLOW_PRIVATE_NETWORKS: {
    read: (config) => config.webhooks.allowPrivateNetworks,
    fallback: false,
    good: [
      ['true', true],
      ['1', true],
      ['false', false],
      ['0', false],
    ],
    bad: ['yes', 'TRUE', 'on', '2', 'truefalse'],
    mustBe: 'true or false',
  },
  OPERATOR_WEBHOOK_URL: {
    read: (config) => config.operatorWebhook,
    fallback: undefined,
    good: [
      ['https://ops.example/hook?t=1', { url: 'https://ops.example/hook?t=1', secret: null }],
      ['http://10.0.0.1:9/hook', { url: 'http://10.0.0.1:9/hook', secret: null }],
    ],
    bad: ['operations', 'ftp://ops.example', 'mailto:ops@example.com'],
    mustBe: 'an https URL, such as https://ops.example/pinchwork',
  },
  OPERATOR_WEBHOOK_SECRET: {
    read: (config) => config.operatorWebhook,
    fallback: undefined,
    good: [],
    bad: ['whsec_short', 'whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'],
    mustBe: 'base64 of at least 16 bytes behind "whsec_", or a text that begins otherwise',
  },
  TRUST_PROXY: {
    read: (config) => config.trustProxy,
    fallback: [],
    good: [
      ['10.0.0.1', ['10.0.0.1']],
      ['10.0.0.0/8, ::1,fd00::/8 ,', ['10.0.0.0/8', '::1', 'fd00::/8']],
      ['192.0.2.1/32,2001:db8::/128,::ffff:10.0.0.1', ['192.0.2.1/32', '2001:db8::/128', '::ffff:10.0.0.1']],
    ],
    bad: [
      ...list(
        'true * loopback localhost proxy.example 10 10.0.0 127.1 0x7f000001 256.0.0.1 [::1] 10.0.0.1:80 fe80::1%eth0',
      ),
      ...list('10.0.0.0/33 10.0.0.0/-1 10.0.0.0/ 10.0.0.0/x 10.0.0.0/8/8 10.0.0.0/255.0.0.0 ::/129 0.0.0.0/0 ::/0'),
      ...['10.0.0.1;10.0.0.2', '10.0.0.1 10.0.0.2'],
    ],
    mustBe: 'a comma-separated list of IP addresses and networks',
  },
  CORS_ORIGINS: {
    read: (config) => config.corsOrigins,
    fallback: [],
    good: [
      ['*', ['*']],
      ['https://a.example, http://localhost:3000 ,', ['https://a.example', 'http://localhost:3000']],
    ],
    bad: list(
      'a.example https://a.example/ https://a.example/path https://*.example null https://a.example;https://b.example',
    ),
    mustBe: 'a comma-separated list of origins, such as https://app.example, or *',
  },
  KEEP_ALIVE_SECONDS: duration((config) => config.keepAliveSeconds, 650, 86_400),
  DEMO: {
    read: ({ isDemo }) => String(isDemo),
    fallback: 'false',
    good: [['true', 'true']],
    bad: ['maybe'],
    mustBe: 'true or false',
  },
  METRICS_PORT: {
    ...whole((config) => config.metricsPort, 0, 0, 65_535),
    fallback: undefined,
  },
  LOG_LEVEL: {
    read: (config) => config.logLevel,
    fallback: 'info',
    good: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => [level, level] as const),
    bad: ['INFO', 'verbose', '30', 'toString'],
    mustBe: 'one of fatal, error, warn, info, debug, trace, silent',
  },
};
