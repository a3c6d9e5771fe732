import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { liveMarket } from './support/market.ts';
import { Project } from './support/project.ts';

const live = liveMarket({ PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const snippets = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!);

let project: Project;
beforeAll(async () => void (project = await Project.make()));
afterAll(() => project.remove());

/** What each snippet prints, in the order of the page. */
const printed = [
  /^ag-\w{12} 100\n$/,
  /^red, yellow, blue\n$/,
  /^approved RED, YELLOW, BLUE\n$/,
  /^delivered\n$/,
  /^picked_up\ndelivered\n1\n$/,
  /^tk-\w{12} delivered\n$/,
  /^3 of 3\n(?:-?\d+ [a-z_]+\n)+\[[^\]]*'reader'/,
  /^1 task_claimed tk-\w{12}\n2 task_delivered tk-\w{12}\n$/,
  /^webhook_test\ndelivered\n$/,
  /^404 not_found Task not found .*\n$/,
];

it('the README of the client has ten snippets', () => expect(snippets).toHaveLength(10));

it.each(printed.map((pattern, i) => [i + 1, pattern] as const))(
  'snippet %d of the README runs as it stands',
  async (number, pattern) => {
    const [reader, helper] = [await live.agent('reader'), await live.agent('helper')];
    const end = new AbortController();
    // Somebody must do what the snippets post, and post what they do.
    const handler = ({ need, rejection }: { need: string; rejection: unknown }) =>
      rejection === null || !need.includes('capital') ? 'red, yellow, blue' : 'RED, YELLOW, BLUE';
    const helping = helper.worker({ handler, tags: ['colours'], pollMs: 50, waitSeconds: 1, signal: end.signal });
    if (number === 5 || number === 6) await helper.tasks.create({ need: 'hello', tags: ['shouting'] });
    if (number === 7)
      for (let i = 0; i < 3; i++) await reader.tasks.create({ need: 'hello', tags: ['never'], max_credits: 5 });
    if (number === 8) await reader.tasks.run({ need: 'Three colours', tags: ['colours'] });
    const file = project.write(`snippet-${number}.js`, snippets[number - 1]!);
    const env = { ...process.env, PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: reader.key };
    const { stdout } = await promisify(execFile)(process.execPath, [file], {
      env,
      cwd: project.folder,
      timeout: 150_000,
    });
    expect(stdout).toMatch(pattern);
    end.abort();
    await helping;
  },
);
