import { readConfig } from './config.ts';
import { startServer } from './serve.ts';
import { version } from './version.ts';

try {
  const { config, unknown } = readConfig(process.env);
  for (const name of unknown) console.error(`${name} is not a setting of Pinchwork and is ignored.`);
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
