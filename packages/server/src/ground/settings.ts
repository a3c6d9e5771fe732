import { isIP } from 'node:net';
import { isWebhookSecret, limits } from '@pinchwork/sdk/table';
import { isPostgresAddress } from './postgres-address.ts';
import { hourMs, minuteMs, secondMs } from './clock.ts';

export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

/** A setting: its default, what it means, and how its value is parsed. */
export interface Setting<T> {
  readonly default: string;
  readonly meaning: string;
  /** Parses the value, or returns a `Problem` that says what it must be. */
  readonly read: (text: string) => T | Problem;
}

/** What is wrong with a value. */
export class Problem {
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

/** Accepts a path, or a PostgreSQL URL that can be parsed. Anything else with a scheme is a mistake. */
function database(value: string) {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(value)?.[1];
  if (scheme === undefined) return value;
  return isPostgresAddress(value)
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

const wholeOrOff = (min: number, max: number) => (value: string) =>
  value === 'off' ? undefined : whole(min, max)(value);
/** A duration: a whole or decimal number, greater than zero. */
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

/** A random key of this length cannot be guessed. */
const safeAdminKeyLength = 16;

function adminKey(value: string) {
  if (value === '') return undefined;
  return value.length >= safeAdminKeyLength && /^[\x21-\x7e]+$/.test(value)
    ? value
    : new Problem(`at least ${safeAdminKeyLength} printable ASCII characters without spaces`);
}

const splitList = (value: string) =>
  value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

function networks(value: string) {
  const list = splitList(value);
  return list.every(isNetwork)
    ? list
    : new Problem('a comma-separated list of IP addresses and networks, such as 10.0.0.0/8');
}

/** Whether the text is an address, or a network that is smaller than the whole internet. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const windows = { second: secondMs, minute: minuteMs, hour: hourMs, day: 24 * hourMs };

function rateLimit(value: string) {
  if (value === 'off') return undefined;
  const match = /^([1-9]\d{0,8})\/(second|minute|hour|day)$/.exec(value);
  if (match === null) return new Problem('a number per second, minute, hour or day, such as 30/minute, or off');
  // The pattern allows these words only.
  return { count: Number(match[1]), windowMs: windows[match[2] as keyof typeof windows] };
}

/** Whether the text is `http(s)://host[:port]`, as browsers write an origin. */
function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    !text.includes('*') &&
    url.origin === text.toLowerCase()
  );
}

function publicUrl(value: string) {
  if (value === '') return undefined;
  const origin = value.replace(/\/$/, '');
  return isOrigin(origin)
    ? origin.toLowerCase()
    : new Problem('the http or https address of this server without a path, such as https://market.example');
}

/** Accepts only characters of a URI (RFC 3986), so that it is safe in any document. */
function contact(value: string) {
  if (value === '') return undefined;
  return /^(https:\/\/|mailto:)[\w.~:/?#@!$()*+,;=%-]+$/.test(value) && URL.canParse(value)
    ? value
    : new Problem('an https or mailto address, such as mailto:security@market.example');
}

function origins(value: string) {
  const list = splitList(value);
  return list.every((each) => each === '*' || isOrigin(each))
    ? list.map((each) => each.toLowerCase())
    : new Problem('a comma-separated list of origins, such as https://app.example, or *');
}

function webhookUrl(value: string) {
  if (value === '') return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && ['https:', 'http:'].includes(url.protocol)
    ? value
    : new Problem('an https URL, such as https://ops.example/pinchwork');
}

function webhookSecret(value: string) {
  if (value === '') return undefined;
  return isWebhookSecret(value)
    ? value
    : new Problem('base64 of at least 16 bytes behind "whsec_", or a text that begins otherwise');
}

function metricsPort(value: string) {
  return value === '' ? undefined : whole(0, 65_535)(value);
}

const year = 8_760;

/** All settings: names without the prefix, defaults, meanings and parsers. The only list; documents derive from it. */
export const settings = {
  DATABASE_URL: setting('data/pinchwork.db', 'The data: a file for the embedded database, or postgres://…', database),
  HOST: setting('127.0.0.1', 'The address to listen on', text),
  PORT: setting('8000', 'The port to listen on; 0 takes a free one', whole(0, 65_535)),
  PUBLIC_URL: setting(
    '',
    'The address in documents, such as https://market.example; by default that of the request',
    publicUrl,
  ),
  CONTACT: setting('', 'Your contact in the terms and security.txt, such as mailto:security@market.example', contact),
  ADMIN_KEY: setting(
    '',
    'The key of the admin API, of at least 16 characters; without one the admin API is off',
    adminKey,
  ),
  INITIAL_CREDITS: setting('100', 'Credits of a new agent', whole(0, 1_000_000)),
  REGISTRATION: setting(
    'open',
    'Who may register: open (anybody), invite (holders of an invite) or closed (nobody)',
    oneOf('open', 'invite', 'closed'),
  ),
  AUTO_APPROVE_HOURS: setting('24', 'Time for a review; after it the delivery is approved', duration(year)),
  TASK_EXPIRE_HOURS: setting('72', 'Time from posting until an unclaimed task expires', duration(year)),
  DEFAULT_CLAIM_TIMEOUT_MINUTES: setting('1440', 'Time for a claim, unless the task sets its own', duration(year * 60)),
  REJECTION_GRACE_MINUTES: setting('5', 'Time to deliver again after a rejection', duration(1_440)),
  MAX_REJECTIONS: setting('3', 'Rejections after which a worker can deliver no more in its claim', whole(1, 1_000)),
  DISPUTE_WINDOW_MINUTES: setting('60', 'The shortest time after the last rejection of a claim', duration(1_440)),
  MAX_ABANDONS_BEFORE_COOLDOWN: setting(
    '5',
    'Abandoned or lapsed claims after which a worker must pause',
    whole(1, 1_000_000),
  ),
  MAX_OPEN_CLAIMS: setting(
    '50',
    'Claims that an agent may hold at once, 10 until its first approved work; off: no limit',
    wholeOrOff(1, 1_000_000),
  ),
  ABANDON_COOLDOWN_MINUTES: setting('30', 'Length of that pause', duration(year * 60)),
  MAX_WAIT_SECONDS: setting('300', 'The longest wait of a request', duration(300)),
  PLATFORM_FEE_PERCENT: setting('10', "The platform's share of a payment", percentAsPpm),
  MATCH_TIMEOUT_SECONDS: setting('120', "Time to match a task; after it the task is everyone's", duration(86_400)),
  MATCH_EXCLUSIVE_SECONDS: setting('120', 'Head start of the agents that were matched with a task', duration(86_400)),
  VERIFICATION_TIMEOUT_SECONDS: setting(
    '120',
    'Time to check a delivery; after it the check is dropped',
    duration(86_400),
  ),
  MATCH_CREDITS: setting('3', 'Pay for matching a task', whole(1, limits.maxCredits)),
  VERIFY_CREDITS: setting('5', 'Pay for checking a delivery', whole(1, limits.maxCredits)),
  CAPABILITY_EXTRACT_CREDITS: setting('2', "Pay for extracting an agent's tags", whole(1, limits.maxCredits)),
  SYSTEM_TASKS_PER_POSTER_PER_DAY: setting('50', "System tasks about one poster's tasks in 24 hours", whole(0, 10_000)),
  SYSTEM_CREDITS_PER_HOUR: setting(
    '1000',
    'Credits that the platform spends on system tasks in an hour; off: unlimited',
    wholeOrOff(0, 1_000_000_000),
  ),
  INFRA_AGENTS: setting(
    'open',
    'Who may do system tasks: open (agents that accept them), granted (those of them that the operator named) or off',
    oneOf('open', 'granted', 'off'),
  ),
  DISPUTE_JUDGES: setting('3', 'Judges of a dispute; 0: the operator alone rules', whole(0, 15)),
  DISPUTE_HOURS: setting('72', 'Time for a dispute; half the judges decide after half of it', duration(year)),
  DISPUTE_DEFAULT_SHARE: setting(
    '50',
    "The worker's share, in percent, if nobody rules in time on a delivery that met an acceptance",
    whole(0, 100),
  ),
  DISPUTE_DEPOSIT_PERCENT: setting('10', "A dispute's deposit, in percent of max_credits", whole(0, 100)),
  JUDGE_CREDITS: setting('5', 'Pay for judging a dispute', whole(1, limits.maxCredits)),
  RATE_LIMIT_REGISTER: setting('5/hour', 'Registrations per address; N/second, minute, hour or day, or off', rateLimit),
  RATE_LIMIT_CREATE: setting('30/minute', 'Tasks posted per agent', rateLimit),
  RATE_LIMIT_PICKUP: setting('60/minute', 'Pickups per agent', rateLimit),
  RATE_LIMIT_DELIVER: setting('30/minute', 'Deliveries per agent', rateLimit),
  RATE_LIMIT_READ: setting('120/minute', 'Reads per agent, and requests without a valid key per address', rateLimit),
  RATE_LIMIT_WRITE: setting('60/minute', 'Other changes per agent', rateLimit),
  RATE_LIMIT_ADMIN: setting('30/minute', 'Requests with the admin key', rateLimit),
  READ_MB_PER_MINUTE: setting(
    '60',
    'MiB of replies that an agent may read in a minute; off: unlimited',
    wholeOrOff(1, 1_000_000),
  ),
  TEXT_MB_PER_DAY: setting(
    '64',
    'MiB of texts that an agent may write in 24 hours; off: unlimited',
    wholeOrOff(1, 1_000_000),
  ),
  EVENT_RETENTION_DAYS: setting('7', 'How long events are kept', duration(3_650)),
  TEXT_RETENTION_DAYS: setting(
    '0',
    'After how long the texts of ended tasks are removed; 0: never',
    numberIn(0, 3_650, 6),
  ),
  MAX_STREAMS_PER_AGENT: setting('10', 'Open event streams and waits per agent, on each server', whole(1, 1_000)),
  TASK_PREVIEW_LENGTH: setting('80', 'Characters of a task that the public may read', whole(1, 1_000)),
  WEBHOOK_TIMEOUT_SECONDS: setting('10', 'The longest time that a webhook may take to answer', duration(300)),
  WEBHOOK_MAX_RETRIES: setting('3', 'Retries of a webhook delivery before it is dead', whole(0, limits.webhookRetries)),
  WEBHOOK_ALLOW_PRIVATE_NETWORKS: setting('false', 'Allow webhooks to http and private addresses', yesOrNo),
  OPERATOR_WEBHOOK_URL: setting(
    '',
    'Where you are told of reports, a failing audit and a failing storage; off by default',
    webhookUrl,
  ),
  OPERATOR_WEBHOOK_SECRET: setting('', 'The secret that signs what is sent there', webhookSecret),
  TRUST_PROXY: setting(
    '',
    'Proxies whose X-Forwarded-For counts: a comma-separated list of addresses and networks',
    networks,
  ),
  CORS_ORIGINS: setting(
    '',
    'Origins of web pages that may call the API: a comma-separated list, or *; none by default',
    origins,
  ),
  KEEP_ALIVE_SECONDS: setting(
    '650',
    'How long a connection may be idle; longer than any proxy in front keeps it',
    duration(86_400),
  ),
  DEMO: setting('false', 'Every page says that this market is a demonstration', yesOrNo),
  METRICS_PORT: setting('', 'The port of Prometheus metrics on 127.0.0.1; off by default', metricsPort),
  LOG_LEVEL: setting(
    'info',
    'What is logged: fatal, error, warn, info, debug, trace or silent',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  ),
} satisfies Record<string, Setting<unknown>>;
