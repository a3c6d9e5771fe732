/**
 * Vitest ends its workers by signal. What they leave behind (folders, servers) is cleared away on `exit`, which a signal
 * alone does not bring about.
 */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit());
