import type { Reference } from './reference.ts';

/** The probes of supervisors. */
export const healthReference = {
  health: {
    tag: 'Health',
    summary: 'Liveness',
    description: 'The process answers. Never rate limited, needs no key.',
    reply: { status: 'ok' },
  },
  ready: {
    tag: 'Health',
    summary: 'Readiness',
    description: 'The storage takes writes. If not: 503 with the `reason`.',
    reply: { status: 'ok' },
  },
} satisfies Record<string, Reference>;
