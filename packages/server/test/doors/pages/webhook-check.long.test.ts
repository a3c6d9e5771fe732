import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Client } from '../../support/client.ts';
import { sqlite } from '../../support/engines.ts';
import { startServer } from '../../support/process.ts';
import { Receiver } from '../../support/receiver.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Secrets: one made as the guide says, and one arbitrary text. */
const secrets = [
  execFileSync('sh', ['-c', `echo "whsec_$(openssl rand -base64 32)"`], { encoding: 'utf8' }).trim(),
  'a long random text',
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
];

interface Sent {
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Runs a check from the guide in its language. @returns its verdict on each delivery. */
type Check = (code: string, sent: readonly Sent[]) => Promise<boolean[]>;

async function run(command: string, files: Readonly<Record<string, string>>, main: string): Promise<boolean[]> {
  const folder = temporaryFolder('check');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { stdout } = await promisify(execFile)(command, [join(folder, main)], { cwd: folder });
  return JSON.parse(stdout) as boolean[];
}

const inJavaScript: Check = (code, sent) => {
  const caller = `import { readFileSync } from 'node:fs';
    import { isGenuine } from './check.mjs';
    const sent = JSON.parse(readFileSync('sent.json', 'utf8'));
    console.log(JSON.stringify(sent.map(({ secret, headers, body }) => isGenuine(secret, headers, Buffer.from(body)))));`;
  return run(
    process.execPath,
    { 'check.mjs': code, 'main.mjs': caller, 'sent.json': JSON.stringify(sent) },
    'main.mjs',
  );
};

const inPython: Check = (code, sent) => {
  const caller = `import json
from check import is_genuine
with open("sent.json", encoding="utf8") as file:
    sent = json.load(file)
print(json.dumps([is_genuine(each["secret"], each["headers"], each["body"].encode()) for each in sent]))
`;
  return run('python3', { 'check.py': code, 'main.py': caller, 'sent.json': JSON.stringify(sent) }, 'main.py');
};

/** Python is optional for the tests. Where it is installed, the guide's Python code is tried too. */
function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The guide, and a delivery under each secret, from a real server. */
async function fromServer(): Promise<{ guide: string; genuine: Sent[] }> {
  const { url } = await startServer(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  const guide = await (await fetch(`${url}/skill.md?section=webhooks`)).text();
  const receiver = await Receiver.open();
  const agent = await new Client(url).register('agent');
  const genuine: Sent[] = [];
  for (const secret of secrets) {
    await agent.patch('/v1/me', { webhook_url: receiver.url, webhook_secret: secret });
    await agent.post('/v1/me/webhook/test');
    const { headers, text } = receiver.received.at(-1)!;
    genuine.push({ secret, headers: headers as Record<string, string>, body: text });
  }
  return { guide, genuine };
}

const codeOf = (guide: string, language: string) =>
  new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(guide)![1]!;

describe.each([
  { language: 'js', check: inJavaScript, isHere: true },
  { language: 'python', check: inPython, isHere: hasPython() },
])("the guide's check of a webhook in $language", ({ language, check, isHere }) => {
  it.skipIf(!isHere)('takes what was sent, and nothing that was changed, repeated later or not signed', async () => {
    const { guide, genuine } = await fromServer();
    const old = String(Math.floor(Date.now() / 1000) - 301);
    const forged = genuine.flatMap(({ secret, headers, body }): Sent[] => [
      { secret, headers, body: body.replace('webhook_test', 'task_approved') },
      { secret: 'another', headers, body },
      { secret, headers: { ...headers, 'webhook-id': 'wd-000000000000' }, body },
      { secret, headers: { ...headers, 'webhook-timestamp': old }, body },
      { secret, headers: { ...headers, 'webhook-signature': `v1,${'A'.repeat(43)}=` }, body },
      {
        secret,
        headers: { 'webhook-id': headers['webhook-id']!, 'webhook-timestamp': headers['webhook-timestamp']! },
        body,
      },
      { secret, headers: {}, body },
    ]);
    const code = codeOf(guide, language);
    expect(await check(code, genuine)).toEqual(genuine.map(() => true));
    expect(await check(code, forged)).toEqual(forged.map(() => false));
  });
});
