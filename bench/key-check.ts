import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { compose } from '../packages/server/src/compose.ts';
import { buildApp } from '../packages/server/src/doors/http/app.ts';
import { readConfig } from '../packages/server/src/ground/config.ts';
import { median } from './figures.ts';

/**
 * Measures what the check of an API key costs a request, in this process, on SQLite: of a key that was used within half
 * a second, as on the hot path, and of one that is looked up.
 */
const rounds = 7;
const calls = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
const { config } = readConfig({ PINCHWORK_DATABASE_URL: join(folder, 'keys.db'), PINCHWORK_LOG_LEVEL: 'silent' });
const core = await compose(config);
const app = buildApp(core);
const registered = await app.inject({ method: 'POST', url: '/v1/register', payload: { name: 'a' } });
const key = /pwk-\w+/.exec(registered.payload)![0];

async function microseconds(before: () => void): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) {
      before();
      await core.authenticator.authenticate(key);
    }
    times.push(((performance.now() - start) * 1_000) / calls);
  }
  return median(times);
}

const known = await microseconds(() => undefined);
const lookedUp = await microseconds(() => core.authenticator.forget());
console.log(`The check of a key: ${known.toFixed(2)} µs; when it is looked up: ${lookedUp.toFixed(2)} µs`);
await app.close();
await core.dispose();
rmSync(folder, { recursive: true });
