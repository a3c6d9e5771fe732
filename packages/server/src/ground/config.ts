import type { LimitName, SystemTaskKind } from '@pinchwork/sdk/table';
import { hourMs, minuteMs } from './clock.ts';
import { Problem, type RateLimit, type Setting, settings } from './settings.ts';

/** All settings of the operator (contract section 11), read once at start. */
export interface Config {
  readonly databaseUrl: string;
  readonly host: string;
  readonly port: number;
  readonly adminKey: string | undefined;
  readonly initialCredits: number;
  /** Who may register: anybody, only holders of an invite, or nobody. */
  readonly registration: 'open' | 'invite' | 'closed';
  readonly autoApproveHours: number;
  readonly taskExpireHours: number;
  readonly defaultClaimTimeoutMinutes: number;
  readonly rejectionGraceMinutes: number;
  readonly disputeWindowMinutes: number;
  readonly maxRejections: number;
  readonly maxWaitSeconds: number;
  /** The platform's fee in millionths of a payment. */
  readonly platformFeePpm: number;
  readonly webhooks: {
    /** The longest time of one exchange with a receiver. */
    readonly timeoutSeconds: number;
    /** How many times a failed delivery is retried. */
    readonly maxRetries: number;
    /** Whether http and private hosts are allowed. */
    readonly allowPrivateNetworks: boolean;
    /** Whether a new address gets nothing until it has answered a test. Not where private networks are allowed. */
    readonly confirmsReceivers: boolean;
  };
  /** Where the operator is told what waits for him. Undefined: nowhere. */
  readonly operatorWebhook: { readonly url: string; readonly secret: string | null } | undefined;
  /** The origin of links in documents. Undefined: the origin that the request was sent to. */
  readonly publicUrl: string | undefined;
  /**
   * How many claims an agent may hold at once after its first approved work (`rules/agents/claims.ts`). Undefined: no
   * limit, for new agents neither.
   */
  readonly maxOpenClaims: number | undefined;
  /** After this many abandoned or lapsed claims a worker gets a cooldown, in which it may not pick up tasks. */
  readonly maxAbandonsBeforeCooldown: number;
  readonly abandonCooldownMinutes: number;
  /** How many requests of each kind an agent, or an address, may send. Undefined: no limit. */
  readonly rateLimits: Readonly<Record<LimitName, RateLimit | undefined>>;
  /** The platform's own tasks (contract section 6). */
  readonly systemTasks: SystemTaskSettings;
  readonly disputes: DisputeSettings;
  /** The head start: how long a task is offered to its matched agents alone. */
  readonly matchExclusiveSeconds: number;
  /** How many bytes of replies an agent may read. Undefined: no limit. */
  readonly readLimit: RateLimit | undefined;
  /** How many bytes of texts an agent may write in 24 hours. Undefined: no limit. */
  readonly textsPerDay: number | undefined;
  /** How long events are kept. */
  readonly eventRetentionDays: number;
  /** After how long the texts of ended tasks are removed. 0: never. */
  readonly textRetentionDays: number;
  /** The largest number of open streams per agent, on each server. */
  readonly maxStreamsPerAgent: number;
  /** How many characters of a task the public may read. */
  readonly taskPreviewLength: number;
  /** The operator's contact: an https or mailto address. */
  readonly contact: string | undefined;
  /** Web pages of these origins may call the API. `*` means all origins. */
  readonly corsOrigins: readonly string[];
  /** How long a connection may be idle before the server closes it. */
  readonly keepAliveSeconds: number;
  /** Whether every page says that this market is a demonstration. */
  readonly isDemo: boolean;
  /** The port of the metrics, on the loopback address. Undefined: no metrics. */
  readonly metricsPort: number | undefined;
  /** Addresses and networks of proxies whose `X-Forwarded-For` is trusted. */
  readonly trustProxy: readonly string[];
  readonly logLevel: string;
}

interface DisputeSettings {
  /** How many judges a dispute has. 0: the operator rules. */
  readonly judges: number;
  readonly hours: number;
  /** The worker's share, in percent, if nobody rules in time and the delivery met the task's `acceptance`. */
  readonly defaultShare: number;
  /** The worker's deposit, in percent of the task's `max_credits`. */
  readonly depositPercent: number;
}

interface SystemTaskSettings {
  /** What the platform pays for an answer. */
  readonly prices: Readonly<Record<SystemTaskKind, number>>;
  /** The longest time that a task waits for its match, and a delivery for its verification. */
  readonly timeoutSeconds: Readonly<Record<'match' | 'verify', number>>;
  /** The largest number of system tasks about one poster's tasks in 24 hours. */
  readonly perPosterPerDay: number;
  /** The largest amount of credits that all system tasks may cost in an hour. Undefined: no limit. */
  readonly creditsPerHour: number | undefined;
  /**
   * Which of the agents with `accepts_system_tasks` are infra agents: all, those that the operator named, or none. With
   * `open` each has only a share of the credits (`rules/ledger/shares.ts`).
   */
  readonly infraAgents: 'open' | 'granted' | 'off';
}

/** A setting has an invalid value. `message` is a sentence for the operator; the server does not start. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const prefix = 'PINCHWORK_';

/** @throws ConfigError if there is a secret without an address. */
function operatorWebhook(url: string | undefined, secret: string | undefined): Config['operatorWebhook'] {
  if (url === undefined && secret !== undefined) {
    throw new ConfigError(`${prefix}OPERATOR_WEBHOOK_SECRET needs ${prefix}OPERATOR_WEBHOOK_URL.`);
  }
  return url === undefined ? undefined : { url, secret: secret ?? null };
}

const mebibyte = 1024 * 1024;

const megabytes = (count: number | undefined, windowMs: number): RateLimit | undefined =>
  count === undefined ? undefined : { count: count * mebibyte, windowMs };

/** Settings whose values no message may show. */
const secrets: ReadonlySet<string> = new Set([
  'ADMIN_KEY',
  'DATABASE_URL',
  'OPERATOR_WEBHOOK_URL',
  'OPERATOR_WEBHOOK_SECRET',
] satisfies (keyof typeof settings)[]);

/**
 * Reads the configuration. An empty value means the default.
 *
 * @returns the configuration, and warnings about things that do no harm: unknown `PINCHWORK_` names.
 * @throws ConfigError with a sentence that names the variable.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): {
  config: Config;
  warnings: string[];
} {
  const value = <K extends keyof typeof settings>(name: K) => {
    // Settings of all types are read here. TypeScript cannot tell the type of the one with this name.
    const { default: fallback, read } = settings[name] as Setting<unknown>;
    const given = env[prefix + name]?.trim() ?? '';
    const result = read(given === '' ? fallback : given);
    if (result instanceof Problem) {
      const seen = secrets.has(name) ? '' : `, not "${given}"`;
      throw new ConfigError(`${prefix}${name} must be ${result.mustBe}${seen}.`);
    }
    // What its own `read` returns.
    return result as Exclude<ReturnType<(typeof settings)[K]['read']>, Problem>;
  };
  const config: Config = {
    databaseUrl: value('DATABASE_URL'),
    host: value('HOST'),
    port: value('PORT'),
    adminKey: value('ADMIN_KEY'),
    initialCredits: value('INITIAL_CREDITS'),
    registration: value('REGISTRATION'),
    autoApproveHours: value('AUTO_APPROVE_HOURS'),
    taskExpireHours: value('TASK_EXPIRE_HOURS'),
    defaultClaimTimeoutMinutes: value('DEFAULT_CLAIM_TIMEOUT_MINUTES'),
    rejectionGraceMinutes: value('REJECTION_GRACE_MINUTES'),
    disputeWindowMinutes: value('DISPUTE_WINDOW_MINUTES'),
    maxRejections: value('MAX_REJECTIONS'),
    publicUrl: value('PUBLIC_URL'),
    maxOpenClaims: value('MAX_OPEN_CLAIMS'),
    maxAbandonsBeforeCooldown: value('MAX_ABANDONS_BEFORE_COOLDOWN'),
    abandonCooldownMinutes: value('ABANDON_COOLDOWN_MINUTES'),
    rateLimits: {
      register: value('RATE_LIMIT_REGISTER'),
      create: value('RATE_LIMIT_CREATE'),
      pickup: value('RATE_LIMIT_PICKUP'),
      deliver: value('RATE_LIMIT_DELIVER'),
      read: value('RATE_LIMIT_READ'),
      write: value('RATE_LIMIT_WRITE'),
      admin: value('RATE_LIMIT_ADMIN'),
    },
    systemTasks: {
      prices: {
        match: value('MATCH_CREDITS'),
        verify: value('VERIFY_CREDITS'),
        extract: value('CAPABILITY_EXTRACT_CREDITS'),
        judge: value('JUDGE_CREDITS'),
      },
      timeoutSeconds: { match: value('MATCH_TIMEOUT_SECONDS'), verify: value('VERIFICATION_TIMEOUT_SECONDS') },
      perPosterPerDay: value('SYSTEM_TASKS_PER_POSTER_PER_DAY'),
      creditsPerHour: value('SYSTEM_CREDITS_PER_HOUR'),
      infraAgents: value('INFRA_AGENTS'),
    },
    matchExclusiveSeconds: value('MATCH_EXCLUSIVE_SECONDS'),
    disputes: {
      judges: value('DISPUTE_JUDGES'),
      hours: value('DISPUTE_HOURS'),
      defaultShare: value('DISPUTE_DEFAULT_SHARE'),
      depositPercent: value('DISPUTE_DEPOSIT_PERCENT'),
    },
    contact: value('CONTACT'),
    readLimit: megabytes(value('READ_MB_PER_MINUTE'), minuteMs),
    textsPerDay: megabytes(value('TEXT_MB_PER_DAY'), 24 * hourMs)?.count,
    eventRetentionDays: value('EVENT_RETENTION_DAYS'),
    textRetentionDays: value('TEXT_RETENTION_DAYS'),
    maxStreamsPerAgent: value('MAX_STREAMS_PER_AGENT'),
    taskPreviewLength: value('TASK_PREVIEW_LENGTH'),
    corsOrigins: value('CORS_ORIGINS'),
    keepAliveSeconds: value('KEEP_ALIVE_SECONDS'),
    isDemo: value('DEMO'),
    metricsPort: value('METRICS_PORT'),
    maxWaitSeconds: value('MAX_WAIT_SECONDS'),
    platformFeePpm: value('PLATFORM_FEE_PERCENT'),
    webhooks: {
      timeoutSeconds: value('WEBHOOK_TIMEOUT_SECONDS'),
      maxRetries: value('WEBHOOK_MAX_RETRIES'),
      allowPrivateNetworks: value('WEBHOOK_ALLOW_PRIVATE_NETWORKS'),
      confirmsReceivers: !value('WEBHOOK_ALLOW_PRIVATE_NETWORKS'),
    },
    operatorWebhook: operatorWebhook(value('OPERATOR_WEBHOOK_URL'), value('OPERATOR_WEBHOOK_SECRET')),
    trustProxy: value('TRUST_PROXY'),
    logLevel: value('LOG_LEVEL'),
  };
  const warnings = Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !Object.hasOwn(settings, name.slice(prefix.length)))
    .map((name) => `${name} is not a setting of Pinchwork and is ignored.`);
  return { config, warnings };
}
