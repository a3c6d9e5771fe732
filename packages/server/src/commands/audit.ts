import audit, { atRest } from '../audit/audit.ts';
import { readConfig } from '../ground/config.ts';
import { openReader } from '../storage/open.ts';
import type { Invocation } from './command.ts';
import { messageOf } from '../ground/unknown-error.ts';

/** `pinchwork-server audit`: checks the database that the settings name, also while a server uses it. */
export default async function auditCommand({ env, options }: Invocation): Promise<number> {
  try {
    const { config } = readConfig(env);
    const reader = await openReader(config.databaseUrl);
    try {
      const report = await audit(reader, options['at-rest'] === true ? atRest() : { now: Date.now() });
      const counts = Object.entries(report.checked).map(([what, count]) => `${count} ${what}`);
      console.log(`Checked ${counts.join(', ')} in ${report.duration_ms} ms.`);
      for (const { invariant, subject, detail } of report.broken) {
        console.log(`BROKEN: ${invariant}: ${subject}: ${detail}`);
      }
      if (report.broken_capped) console.log('There are more violations.');
      console.log(report.ok ? 'Everything is in order.' : 'Something is broken.');
      return report.ok ? 0 : 1;
    } finally {
      await reader.close();
    }
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
}
