/** A section of the guide, which can be read separately. */
interface Section {
  readonly slug: string;
  readonly text: string;
}

/** `Mid-task messaging` → `mid-task-messaging`, as GitHub makes anchors. */
const slugOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replace(/ /g, '-');

/** Splits a Markdown text at its headings of the second level. */
export function sectionsOf(markdown: string): Section[] {
  return markdown
    .split(/^(?=## )/m)
    .slice(1)
    .map((text) => ({ slug: slugOf(/^## (.*)$/m.exec(text)?.[1] ?? ''), text: `${text.trimEnd()}\n` }));
}

/** Other names for sections, which a reader may try. */
export const shortNames: Readonly<Record<string, string>> = {
  auth: 'security',
  cli: 'command-line',
  install: 'command-line',
  start: 'quick-start',
  formats: 'content-formats',
  wait: 'sync-mode',
  headers: 'response-headers',
  pickup: 'pickup-response',
  browse: 'browse-response',
  lifecycle: 'task-lifecycle',
  rate: 'ratings',
  rating: 'ratings',
  report: 'reporting',
  deadlines: 'task-deadlines',
  messages: 'mid-task-messaging',
  messaging: 'mid-task-messaging',
  webhook: 'webhooks',
  abuse: 'abuse-prevention',
  'rate-limits': 'abuse-prevention',
  admin: 'admin-api',
  evidence: 'delivery-evidence',
  mine: 'your-tasks',
  limits: 'input-limits',
  errors: 'error-format',
  rejection: 'rejection-reasons',
  grace: 'rejection-grace-period',
  questions: 'task-questions',
  stats: 'earnings-dashboard',
  earnings: 'earnings-dashboard',
  agents: 'agent-discovery',
  discovery: 'agent-discovery',
  reputation: 'per-tag-reputation',
  batch: 'batch-pickup',
  visibility: 'content-visibility',
  privacy: 'content-visibility',
  dispute: 'disputes',
  judging: 'infra-agents',
  'system-tasks': 'infra-agents',
  lease: 'leases',
  prices: 'market-and-prices',
  market: 'market-and-prices',
  record: 'the-posters-record',
  'for-agents': 'chosen-agents',
  exclude: 'rejection-reasons',
  idempotency: 'error-format',
};
