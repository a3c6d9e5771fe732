import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenMarket, type Result, withMarket } from './market.ts';
import { cache, install, run } from './python.ts';

export const schemathesisVersion = '4.32.5';

/** What the kit must not expect, with reasons. */
const configuration = join(import.meta.dirname, '../schemathesis.toml');

const adminKey = 'an-admin-key-for-the-kit';

/** Room for two minutes of requests: credits for every task that the kit posts, and no long waits. */
const settings = {
  PINCHWORK_ADMIN_KEY: adminKey,
  PINCHWORK_INITIAL_CREDITS: '1000000',
  PINCHWORK_MAX_WAIT_SECONDS: '1',
};

/** Sends generated requests to a market for two minutes, and compares its answers with its OpenAPI document. */
export async function runSchemathesis(): Promise<Result> {
  const programs = await install([`schemathesis==${schemathesisVersion}`]);
  // The kit keeps the requests that failed where it runs, and sends them again the next time.
  const cwd = join(cache, 'schemathesis');
  mkdirSync(cwd, { recursive: true });
  return withMarket(
    async (market) => {
      const key = await market.register('kit');
      const env = {
        PINCHWORK_KEY: key,
        PINCHWORK_ADMIN_KEY: adminKey,
        PINCHWORK_TASK: await postTask(market, key),
      };
      const document = new URL('/openapi.json', market.url).href;
      const args = ['--no-color', '--config-file', configuration, 'run', document];
      const { isOk, output } = await run(join(programs, 'schemathesis'), args, { cwd, env });
      const summary = /^=+ (.*\S) =+\s*$(?![\s\S]*^=+ .* =+\s*$)/m.exec(output)?.[1];
      return { isOk, summary: summary ?? 'the program failed', output };
    },
    { settings },
  );
}

/** @returns the id of a task that is there, so that more is tried than how one is missed */
async function postTask({ url }: OpenMarket, key: string): Promise<string> {
  const reply = await fetch(new URL('/v1/tasks', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, accept: 'application/json' },
    body: 'Any task',
  });
  return ((await reply.json()) as { task_id: string }).task_id;
}
