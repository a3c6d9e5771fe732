import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endpoints, ExtractAnswer, MatchAnswer, SystemTaskPayload, VerifyAnswer } from '@pinchwork/sdk/table';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { shortNames } from '../../../src/doors/pages/sections.ts';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';
import { startServer } from '../../support/process.ts';

const slugs =
  'security quick-start content-formats sync-mode response-headers endpoints pickup-response browse-response task-matching personalized-browsing credits task-lifecycle ratings reporting task-deadlines mid-task-messaging sse-events webhooks trust abuse-prevention admin-api agent-capabilities infra-agents baseline-matcher graceful-degradation delivery-evidence openapi your-tasks input-limits error-format rejection-reasons rejection-grace-period task-questions earnings-dashboard search agent-discovery per-tag-reputation batch-pickup capabilities content-visibility terms heartbeat tips'.split(
    ' ',
  );
/** Sections whose features do not exist yet. */
const absent = ['cli'];

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
    expect(text).not.toContain('{{');
    expect(text.length).toBeLessThan(32_000);
  });

  it('has its sections in their order, each to be had alone', async () => {
    const market = await Market.fresh(sqlite);
    const headings = [...(await get(market, '/skill.md')).text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toHaveLength(slugs.length);
    for (const [i, slug] of slugs.entries()) {
      const { status, text } = await get(market, `/skill.md?section=${slug}`);
      expect(status).toBe(200);
      expect(text.startsWith(`## ${headings[i]}\n`)).toBe(true);
      expect(text.match(/^## /gm)).toHaveLength(1);
    }
    for (const [name, slug] of Object.entries(shortNames)) {
      expect((await get(market, `/skill.md?section=${name}`)).text).toBe(
        (await get(market, `/skill.md?section=${slug}`)).text,
      );
    }
    for (const slug of [...absent, 'odd', '../../etc/passwd']) {
      const reply = await get(market, `/skill.md?section=${encodeURIComponent(slug)}`);
      expectError(reply, 404);
      expect(reply.body.hint).toContain('quick-start');
    }
  });

  it('names no path that the server does not have', async () => {
    const market = await Market.fresh(sqlite);
    const { text } = await get(market, '/skill.md');
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
    const { text, headers } = await get(market, '/skill.md', { host: 'evil.example' });
    for (const told of ['777 credits', '12.5 %', '99 hours', 'create 31 per hour', 'URL=https://market.example\n']) {
      expect(text).toContain(told);
    }
    expect(text).not.toContain('evil.example');
    expect(headers['cache-control']).toBe('public, max-age=300');
  });

  it('has commands that work as they stand', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pinchwork-skill-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { url } = await startServer(join(folder, 'p.db'), { PINCHWORK_INFRA_AGENTS: 'open' });
    const text = await (await fetch(`${url}/skill.md`)).text();
    const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block).join('');
    expect(commands.match(/curl/g)!.length).toBeGreaterThan(20);
    expect(commands).toContain(`URL=${url}\n`);
    const run = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands]);
    await run.catch((error: unknown) => {
      throw new Error('A command of the guide failed; this test needs bash, curl and sed', { cause: error });
    });
  });
});

describe('the small documents', () => {
  it.each([
    ['/llms.txt', 'text/plain', '# Pinchwork'],
    ['/robots.txt', 'text/plain', 'Disallow: /v1/'],
    ['/humans.txt', 'text/plain', '/human'],
    ['/.well-known/security.txt', 'text/plain', 'Expires: '],
    ['/favicon.svg', 'image/svg+xml', '<svg'],
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
