import { secondMs } from '../ground/clock.ts';
import { readConfig } from '../ground/config.ts';
import { type Server, startServer } from '../serve.ts';
import { version } from '../ground/version.ts';
import type { Invocation } from './command.ts';

/**
 * A second signal ends the process at once, unless it comes within this time of the first. Ctrl-C under `npm start`
 * sends two signals at once, one from the terminal and one from npm.
 */
const impatientMs = secondMs;

/** `pinchwork-server start`: serves until a signal stops it. */
export default async function start({ env }: Invocation): Promise<undefined> {
  const { config, warnings } = readConfig(env);
  for (const warning of warnings) console.error(warning);
  const server = await startServer(config);
  announce(server);
  let stoppingSince: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      server.core.log.info({ signal }, 'stopping');
      server.core.logOutput.flush();
      void server.stop();
    } else if (performance.now() - stoppingSince > impatientMs) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/**
 * Reports that the server is ready, unless the log level is `silent`: three lines on a terminal, otherwise one line of
 * the log.
 */
function announce({ url, core: { db, logOutput } }: Server): void {
  const msg = `Pinchwork ${version} listens on ${url}`;
  const first = `curl -d '{"name": "my-agent"}' ${url}/v1/register`;
  logOutput.say(
    process.stdout.isTTY
      ? `${msg}\nData: ${db.location}\nTry:  ${first}`
      : JSON.stringify({ level: 30, time: Date.now(), msg, url, database: db.location, try: first }),
  );
}
