import { readConfig } from '../config.ts';
import { openReader } from '../db/open.ts';
import audit from './audit.ts';

/** `npm run audit`: checks the database that the environment names, also while a server is running on it. */
try {
  const { config } = readConfig(process.env);
  const reader = await openReader(config.databaseUrl);
  try {
    const { ok, checked, broken, broken_capped, duration_ms } = await audit(reader, { now: Date.now() });
    const counts = Object.entries(checked).map(([what, count]) => `${count} ${what}`);
    console.log(`Checked ${counts.join(', ')} in ${duration_ms} ms.`);
    for (const { invariant, subject, detail } of broken) console.log(`BROKEN: ${invariant}: ${subject}: ${detail}`);
    if (broken_capped) console.log('There is more that is broken.');
    console.log(ok ? 'Everything is in order.' : 'Something is broken.');
    process.exitCode = ok ? 0 : 1;
  } finally {
    await reader.close();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
