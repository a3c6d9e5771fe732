import { isIP } from 'node:net';

/** Everything an operator can set (contract section 11), read once at the start. */
export interface Config {
  readonly databaseUrl: string;
  readonly host: string;
  readonly port: number;
  readonly adminKey: string | undefined;
  readonly initialCredits: number;
  readonly autoApproveHours: number;
  readonly taskExpireHours: number;
  readonly defaultClaimTimeoutMinutes: number;
  readonly rejectionGraceMinutes: number;
  readonly maxRejections: number;
  readonly maxWaitSeconds: number;
  /** The platform's part of a payment in millionths. */
  readonly platformFeePpm: number;
  readonly webhooks: { readonly allowPrivateNetworks: boolean };
  /** Addresses and networks whose `X-Forwarded-For` counts. */
  readonly trustProxy: readonly string[];
  readonly logLevel: string;
}

/** A value that can't be used; `message` is the sentence that stops the start. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const prefix = 'PINCHWORK_';

interface Setting<T> {
  readonly default: string;
  readonly meaning: string;
  /** Reads the value, or says what it must be. */
  readonly read: (text: string) => T | Problem;
}

class Problem {
  readonly mustBe: string;
  constructor(mustBe: string) {
    this.mustBe = mustBe;
  }
}

const setting = <T>(fallback: string, meaning: string, read: Setting<T>['read']): Setting<T> => ({
  default: fallback,
  meaning,
  read,
});

const text = (value: string) => value;

/** A path, or the address of a PostgreSQL that can be taken apart. Anything else with a scheme is a mistake. */
function database(value: string) {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(value)?.[1];
  if (scheme === undefined) return value;
  return /^postgres(ql)?$/.test(scheme) && URL.canParse(value)
    ? value
    : new Problem('the path of a file or a URL like postgres://user:password@host/name, with %-escapes where needed');
}

function numberIn(min: number, max: number, digits: number) {
  const pattern = digits === 0 ? /^\d+$/ : new RegExp(`^(\\d+(\\.\\d{1,${digits}})?|\\.\\d{1,${digits}})$`);
  return (value: string) => {
    const number = Number(value);
    if (pattern.test(value) && number >= min && number <= max) return number;
    return new Problem(
      digits === 0
        ? `a whole number from ${min} to ${max}`
        : `a number from ${min} to ${max} with at most ${digits} decimals`,
    );
  };
}

const whole = (min: number, max: number) => numberIn(min, max, 0);
/** A duration: whole or decimal, more than nothing. */
const duration = (max: number) => numberIn(0.000001, max, 6);

function oneOf<const T extends string>(...values: T[]) {
  return (value: string) => values.find((each) => each === value) ?? new Problem(`one of ${values.join(', ')}`);
}

function yesOrNo(value: string) {
  if (['true', '1'].includes(value)) return true;
  return ['false', '0'].includes(value) ? false : new Problem('true or false');
}

function percentAsPpm(value: string) {
  const percent = numberIn(0, 100, 4)(value);
  return percent instanceof Problem ? percent : Math.round(percent * 10_000);
}

function adminKey(value: string) {
  if (value === '') return undefined;
  return /^[\x21-\x7e]+$/.test(value) ? value : new Problem('printable ASCII characters without spaces');
}

function networks(value: string) {
  const list = value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  return list.every(isNetwork)
    ? list
    : new Problem('a comma-separated list of IP addresses and networks, such as 10.0.0.0/8');
}

/** An address, or a network narrower than the whole internet. */
function isNetwork(text: string): boolean {
  const [address, bits, ...more] = text.split('/');
  const version = address!.includes('%') ? 0 : isIP(address!);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const year = 8_760;

/** The one list of settings: names without the prefix, defaults, what they mean and how they are read. */
export const settings = {
  DATABASE_URL: setting('data/pinchwork.db', 'The data: a file for the embedded database, or postgres://…', database),
  HOST: setting('127.0.0.1', 'The address to listen on', text),
  PORT: setting('8000', 'The port to listen on; 0 takes a free one', whole(0, 65_535)),
  ADMIN_KEY: setting('', 'The key of the admin API, which is off without one', adminKey),
  INITIAL_CREDITS: setting('100', 'Credits of a new agent', whole(0, 1_000_000)),
  AUTO_APPROVE_HOURS: setting('24', 'Time for a review; then a delivery counts as approved', duration(year)),
  TASK_EXPIRE_HOURS: setting('72', 'Time from posting until a task that nobody works on expires', duration(year)),
  DEFAULT_CLAIM_TIMEOUT_MINUTES: setting('1440', 'Time for a claim, where the task does not say', duration(year * 60)),
  REJECTION_GRACE_MINUTES: setting('5', 'Time to deliver again after a rejection', duration(1_440)),
  MAX_REJECTIONS: setting('3', 'Rejections until a claim ends', whole(1, 1_000)),
  MAX_WAIT_SECONDS: setting('300', 'The longest that a request may wait', duration(300)),
  PLATFORM_FEE_PERCENT: setting('10', "The platform's part of a payment", percentAsPpm),
  WEBHOOK_ALLOW_PRIVATE_NETWORKS: setting('false', 'Webhooks to http and private addresses are fine', yesOrNo),
  TRUST_PROXY: setting('', 'Proxies whose X-Forwarded-For counts: addresses and networks, with commas', networks),
  LOG_LEVEL: setting(
    'info',
    'What is logged: fatal, error, warn, info, debug, trace or silent',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  ),
} satisfies Record<string, Setting<unknown>>;

/** A random key of this length can't be guessed. */
const safeAdminKeyLength = 16;

/** Values that no message may show. */
const secrets: ReadonlySet<string> = new Set(['ADMIN_KEY', 'DATABASE_URL'] satisfies (keyof typeof settings)[]);

/**
 * Reads the configuration. An empty value means the default.
 *
 * @returns the configuration, and sentences about what is odd but does no harm: `PINCHWORK_` names that mean nothing
 *   here, an admin key that is short.
 * @throws ConfigError with a sentence that names the variable.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): {
  config: Config;
  warnings: string[];
} {
  const value = <K extends keyof typeof settings>(name: K) => {
    const { default: fallback, read } = settings[name] as Setting<unknown>;
    const given = env[prefix + name]?.trim() ?? '';
    const result = read(given === '' ? fallback : given);
    if (result instanceof Problem) {
      const seen = secrets.has(name) ? '' : `, not "${given}"`;
      throw new ConfigError(`${prefix}${name} must be ${result.mustBe}${seen}.`);
    }
    return result as Exclude<ReturnType<(typeof settings)[K]['read']>, Problem>;
  };
  const config: Config = {
    databaseUrl: value('DATABASE_URL'),
    host: value('HOST'),
    port: value('PORT'),
    adminKey: value('ADMIN_KEY'),
    initialCredits: value('INITIAL_CREDITS'),
    autoApproveHours: value('AUTO_APPROVE_HOURS'),
    taskExpireHours: value('TASK_EXPIRE_HOURS'),
    defaultClaimTimeoutMinutes: value('DEFAULT_CLAIM_TIMEOUT_MINUTES'),
    rejectionGraceMinutes: value('REJECTION_GRACE_MINUTES'),
    maxRejections: value('MAX_REJECTIONS'),
    maxWaitSeconds: value('MAX_WAIT_SECONDS'),
    platformFeePpm: value('PLATFORM_FEE_PERCENT'),
    webhooks: { allowPrivateNetworks: value('WEBHOOK_ALLOW_PRIVATE_NETWORKS') },
    trustProxy: value('TRUST_PROXY'),
    logLevel: value('LOG_LEVEL'),
  };
  const warnings = Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !Object.hasOwn(settings, name.slice(prefix.length)))
    .map((name) => `${name} is not a setting of Pinchwork and is ignored.`);
  if (config.adminKey !== undefined && config.adminKey.length < safeAdminKeyLength) {
    warnings.push(`${prefix}ADMIN_KEY is easy to guess: whoever has it can make credits. Use 16 characters or more.`);
  }
  return { config, warnings };
}
