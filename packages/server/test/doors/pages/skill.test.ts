import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import {
  documents,
  endpoints,
  ExtractAnswer,
  MatchAnswer,
  SystemTaskPayload,
  VerifyAnswer,
} from '@pinchwork/sdk/table';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { generatedSkill, skillFolder, writtenSkill } from '../../../../../docs/skill.ts';
import { shortNames } from '../../../src/doors/pages/sections.ts';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';
import { startServer } from '../../support/process.ts';
import { noTool } from '../../support/tools.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** The sections by the file that has them. */
const sections: Readonly<Record<string, string>> = {
  '': 'security command-line quick-start task-lifecycle credits error-format heartbeat tips read-on',
  posting:
    'sync-mode dry-run market-and-prices acceptance chosen-agents verification deliveries rejection-reasons task-deadlines your-tasks',
  working:
    'waiting-for-work pickup-response browse-response personalized-browsing task-matching search batch-pickup leases delivery-evidence rejection-grace-period disputes',
  standing: 'ratings the-posters-record trust agent-capabilities agent-discovery per-tag-reputation earnings-dashboard',
  conversation: 'task-questions mid-task-messaging reporting content-visibility',
  events: 'sse-events webhooks',
  'http-api':
    'endpoints content-formats response-headers input-limits keys abuse-prevention admin-api capabilities openapi terms',
  'infra-work': 'infra-agents baseline-matcher graceful-degradation',
};
const slugsOf = (file: string) => sections[file]!.split(' ');

/** The names of all fields that a JSON schema has, at any depth but that of an acceptance, which another section tells. */
const fieldsOf = (schema: unknown): string[] =>
  typeof schema === 'object' && schema !== null
    ? Object.entries(schema).flatMap(([key, value]) => [
        ...(key === 'properties' ? Object.keys(value as object) : []),
        ...(key === 'acceptance' ? [] : fieldsOf(value)),
      ])
    : [];

const get = (market: Market, url: string, headers = {}) => market.request({ method: 'GET', url, headers });

describe('the guide for agents', () => {
  it('is an installable skill: front matter with name, description and version', async () => {
    const market = await Market.fresh(sqlite);
    const { text, headers } = await get(market, '/skill.md');
    expect(headers['content-type']).toBe('text/markdown; charset=utf-8');
    expect(text).toMatch(/^---\nname: [a-z-]+\ndescription: .{40,}\nversion: \d+\.\d+\.\d+\n---\n/);
    expect((await get(market, '/skill.md?section=all')).text).not.toContain('{{');
  });

  it('has a core of under 5,000 tokens, which names all the rest', async () => {
    const market = await Market.fresh(sqlite);
    const { text } = await get(market, '/skill.md');
    // Measured with the tokenizer o200k: 3.2 to 3.6 characters of this guide a token.
    expect(text.length).toBeLessThan(16_000);
    const named = new Set(text.slice(text.indexOf('## Read on')).match(/`[a-z-]+`/g));
    for (const file of Object.keys(sections).slice(1)) {
      for (const name of [file, ...slugsOf(file)]) expect(named).toContain(`\`${name}\``);
    }
    for (const [, name] of text.matchAll(/sections? `([a-z-]+)`/g)) {
      expect((await get(market, `/skill.md?section=${name}`)).status).toBe(200);
    }
  });

  it('has its sections in their order, each to be had alone, by its file, and with all others', async () => {
    const market = await Market.fresh(sqlite);
    const all = (await get(market, '/skill.md?section=all')).text;
    for (const file of Object.keys(sections)) {
      const { text: whole } = await get(market, `/skill.md?section=${file}`);
      expect(all).toContain(whole);
      const headings = [...whole.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
      expect(headings).toHaveLength(slugsOf(file).length);
      for (const [i, slug] of slugsOf(file).entries()) {
        const { status, text } = await get(market, `/skill.md?section=${slug}`);
        expect(status).toBe(200);
        expect(text.startsWith(`## ${headings[i]}\n`)).toBe(true);
        expect(text.match(/^## /gm)).toHaveLength(1);
      }
    }
    expect(shortNames).toMatchObject({ start: 'quick-start', auth: 'security', errors: 'error-format' });
    for (const [name, slug] of Object.entries(shortNames)) {
      expect((await get(market, `/skill.md?section=${name}`)).text).toBe(
        (await get(market, `/skill.md?section=${slug}`)).text,
      );
    }
    for (const slug of ['odd', '../../etc/passwd', 'SKILL.md', 'posting.md']) {
      const reply = await get(market, `/skill.md?section=${encodeURIComponent(slug)}`);
      expectError(reply, 404);
      expect(reply.body.hint).toContain('quick-start');
    }
  });

  it('names no path that the server does not have', async () => {
    const market = await Market.fresh(sqlite);
    const { text } = await get(market, '/skill.md?section=all');
    const known = new Set(Object.values(endpoints).map(({ path }) => path.replace(/:\w+/g, '{}')));
    const named = [...text.matchAll(/\/v1\/[\w/{}$-]*\w\}?/g)].map(([path]) => path.replace(/\$\w+|\{\w+\}/g, '{}'));
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((path) => !known.has(path))).toEqual([]);
  });

  it('names every field of the tasks of the platform, and of what they are answered with', async () => {
    const { text } = await get(await Market.fresh(sqlite), '/skill.md?section=infra-agents');
    for (const schema of [SystemTaskPayload, MatchAnswer, VerifyAnswer, ExtractAnswer]) {
      for (const field of fieldsOf(z.toJSONSchema(schema))) expect(text).toMatch(new RegExp(`[\`"]${field}[\`"]`));
    }
  });

  it('tells the prices and times of this very server', async () => {
    const market = await Market.fresh(sqlite, {
      PINCHWORK_INITIAL_CREDITS: '777',
      PINCHWORK_PLATFORM_FEE_PERCENT: '12.5',
      PINCHWORK_TASK_EXPIRE_HOURS: '99',
      PINCHWORK_RATE_LIMIT_CREATE: '31/hour',
      PINCHWORK_PUBLIC_URL: 'https://market.example',
    });
    const { text, headers } = await get(market, '/skill.md?section=all', { host: 'evil.example' });
    for (const told of ['777 credits', '12.5 %', '99 hours', 'create 31 per hour', 'URL=https://market.example\n']) {
      expect(text).toContain(told);
    }
    expect(text).not.toContain('evil.example');
    expect(headers['cache-control']).toBe('public, max-age=300');
  });

  it('has commands that work as they stand, in every shell, and show what an error says', async () => {
    const { url } = await startServer(join(temporaryFolder('skill'), 'p.db'), { PINCHWORK_INFRA_AGENTS: 'open' });
    const text = await (await fetch(`${url}/skill.md?section=all`)).text();
    const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block).join('');
    expect(commands.match(/curl/g)!.length).toBeGreaterThan(40);
    // A command that hides an error hides its hint.
    expect(commands.match(/curl(?! --fail-with-body -sS | -sS -N )/g)).toBeNull();
    expect(commands).toContain(`URL=${url}\n`);
    const run = promisify(execFile)('sh', ['-eu', '-c', commands]);
    await run.catch((error: unknown) => {
      throw new Error('A command of the guide failed; this test needs sh, curl and sed', { cause: error });
    });
    // A registration that fails stops there, and the last line has the reply with its hint.
    const [register] = /^REPLY=[^]*?^: .*$/m.exec(commands)!;
    const refused = register.replace('"my-agent"', '""');
    const { stderr, code } = (await promisify(execFile)('sh', ['-c', `URL=${url}\n${refused}\necho on`]).catch(
      (error: unknown) => error,
    )) as { stderr: string; code: number };
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/registration failed: .*"hint":/);
  });
});

describe('the Agent Skill', () => {
  /** The rules of the specification, as its public validator checks them. */
  const allowed = new Set(['name', 'description', 'license', 'compatibility', 'metadata', 'allowed-tools']);

  it('is the guide, in front matter that the specification allows', async () => {
    const market = await Market.fresh(sqlite);
    const { text, headers } = await get(market, documents.skillCore.path);
    expect(headers['content-type']).toBe('text/markdown; charset=utf-8');
    const [, frontMatter, body] = /^---\n([^]*?)\n---\n([^]*)$/.exec(text)!;
    expect(body).toBe((await get(market, '/skill.md')).text.replace(/^---\n[^]*?\n---\n/, ''));
    const fields = parse(frontMatter!) as Record<string, unknown>;
    expect(Object.keys(fields).filter((name) => !allowed.has(name))).toEqual([]);
    expect(fields.name).toBe(documents.skillCore.path.split('/').at(-2));
    expect(String(fields.description).length).toBeLessThanOrEqual(1_024);
    expect(String(fields.compatibility).length).toBeLessThanOrEqual(500);
    expect(fields.metadata).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string });
  });

  it('is found by the index of skills, with its digest and all its files', async () => {
    const market = await Market.fresh(sqlite);
    for (const host of ['market.example', 'other.example:8080']) {
      const { body, headers } = await get(market, documents.skillIndex.path, { host });
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      const [{ name, type, description, url, digest, files }] = body.skills;
      expect([name, type]).toEqual(['pinchwork', 'skill-md']);
      const { text } = await get(market, url, { host });
      expect(digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
      expect(text).toContain(`description: ${description}\n`);
      expect(text).toContain(`http://${host}/install.sh`);
      expect(files).toEqual([
        'SKILL.md',
        ...Object.keys(sections)
          .slice(1)
          .map((file) => `references/${file}.md`),
      ]);
      for (const file of files.slice(1)) {
        const { text: reference } = await get(market, url.replace('SKILL.md', file), { host });
        expect(reference).toBe((await get(market, `/skill.md?section=${basename(file, '.md')}`, { host })).text);
      }
    }
    expectError(await get(market, documents.skillReference.path.replace(':file', 'odd.md')), 404);
  });

  it('stands in the repository as the guide of a server with default settings; "npm run docs" writes it', () => {
    expect(writtenSkill()).toEqual(generatedSkill());
  });

  it('is valid by the public validator', ({ skip }) => {
    skip(noTool('agentskills'), 'there is no agentskills');
    expect(execFileSync('agentskills', ['validate', skillFolder], { encoding: 'utf8' })).toContain('Valid skill');
  });
});

describe('the small documents', () => {
  it.each([
    ['/llms.txt', 'text/plain', '# Pinchwork'],
    ['/robots.txt', 'text/plain', 'Disallow: /v1/'],
    ['/humans.txt', 'text/plain', '/human'],
    ['/.well-known/security.txt', 'text/plain', 'Expires: '],
    ['/favicon.svg', 'image/svg+xml', '<svg'],
    ['/favicon.ico', 'image/x-icon', 'PNG'],
    ['/terms', 'text/markdown', '## Credits'],
  ])('%s is %s', async (path, type, part) => {
    const market = await Market.fresh(sqlite);
    const { status, headers, text } = await get(market, path, { accept: '*/*', host: 'market.example' });
    expect(status).toBe(200);
    expect(headers['content-type']).toContain(type);
    expect(text).toContain(part);
    expect(text).not.toContain('{{');
    for (const host of ['"><script>', 'a b', 'evil.example/x', 'x'.repeat(300)]) {
      expect((await get(market, path, { host })).text).not.toContain(host);
    }
  });

  it('security.txt is good for less than a year', async () => {
    const market = await Market.fresh(sqlite);
    const { text } = await get(market, '/.well-known/security.txt');
    const left = Date.parse(/Expires: (.*)/.exec(text)![1]!) - market.clock.now();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(365 * 86_400_000);
  });

  it('name whom to reach where the operator has said so', async () => {
    const contact = 'mailto:security@market.example';
    const market = await Market.fresh(sqlite, { PINCHWORK_CONTACT: contact });
    expect((await get(market, '/.well-known/security.txt')).text).toContain(`Contact: ${contact}\n`);
    expect((await get(market, '/terms')).text).toContain(contact);
    const silent = await Market.fresh(sqlite, { PINCHWORK_PUBLIC_URL: 'https://market.example' });
    expect((await get(silent, '/.well-known/security.txt')).text).toContain('Contact: https://market.example/terms\n');
    expect((await get(silent, '/terms')).text).toContain('has not said how to reach them');
  });

  it('/terms is a page for a browser', async () => {
    const market = await Market.fresh(sqlite);
    const { headers, text } = await get(market, '/terms', { accept: 'text/html,*/*' });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    for (const heading of ['As is', 'Content responsibility', 'Acceptable use', 'Credits', 'No liability']) {
      expect(text).toContain(`<h2>${heading}</h2>`);
    }
  });

  it('/ leads a browser to the page for people, everybody else to the guide', async () => {
    const market = await Market.fresh(sqlite);
    for (const [accept, location] of [
      ['text/html,application/xhtml+xml', '/human'],
      ['*/*', '/skill.md'],
      ['application/json', '/skill.md'],
    ] as const) {
      expect(await get(market, '/', { accept })).toMatchObject({ status: 307, headers: { location } });
    }
  });
});
