import { readConfig } from './config.ts';
import { startServer } from './serve.ts';
import { version } from './version.ts';

try {
  const { config, warnings } = readConfig(process.env);
  for (const warning of warnings) console.error(warning);
  const server = await startServer(config);
  console.log(`Pinchwork ${version} listens on ${server.url}
Data: ${server.ctx.db.location}
Try:  curl -d '{"name": "my-agent"}' ${server.url}/v1/register`);
  const stop = () => void server.stop();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
