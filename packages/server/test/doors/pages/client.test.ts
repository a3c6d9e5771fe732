import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { documents } from '@pinchwork/sdk/table';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { clientRoutes } from '../../../src/doors/http/documents/client.ts';
import { answerErrors } from '../../../src/doors/http/errors.ts';
import { readConfig } from '../../../src/ground/config.ts';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';
import { noTool } from '../../support/tools.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** The routes alone, over a program that the test writes, or not. */
function routes(env: Record<string, string> = {}) {
  const file = join(temporaryFolder('program'), 'pinchwork.mjs');
  const app = fastify();
  answerErrors(app);
  clientRoutes(app, readConfig(env), pathToFileURL(file));
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const { statusCode, headers: sent, body } = await app.inject({ method: 'GET', url, headers });
    return { status: statusCode, headers: sent, body };
  };
  return { get, write: (text: string) => writeFileSync(file, text) };
}

describe('the command line on the server', () => {
  it('is served with its checksum, which sha256sum can check, and anew when it was built again', async () => {
    const { get, write } = routes();
    for (const text of ['one', 'another']) {
      write(text);
      const { body, headers } = await get(documents.program.path);
      expect(body).toBe(text);
      expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
      expect((await get(documents.programHash.path)).body).toBe(`${hash(text)}  pinchwork.mjs\n`);
    }
  });

  it('is sent once to a client that keeps it: later requests are 304', async () => {
    const { get, write } = routes();
    write('one');
    for (const { path } of [documents.program, documents.programHash, documents.install]) {
      const { headers, body } = await get(path);
      expect(headers.etag).toBe(`"${hash(body)}"`);
      for (const known of [headers.etag!, `W/${headers.etag}`, `"x", ${headers.etag}`, '*']) {
        expect(await get(path, { 'if-none-match': known })).toMatchObject({ status: 304, body: '' });
      }
      expect(await get(path, { 'if-none-match': '"x"' })).toMatchObject({ status: 200, body });
    }
    const { etag } = (await get(documents.program.path)).headers;
    write('another');
    expect((await get(documents.program.path, { 'if-none-match': etag! })).body).toBe('another');
  });

  it('is 404 where it was not built, and the refusal says what to do', async () => {
    const { get } = routes();
    for (const { path } of [documents.program, documents.programHash]) {
      const { status, body } = await get(path, { accept: 'application/json' });
      expect(status).toBe(404);
      expect(JSON.parse(body)).toMatchObject({ code: 'not_found', hint: expect.stringContaining('npm run prepare') });
    }
  });
});

describe('install.sh', () => {
  const server = (script: string) => /^server=(.*)$/m.exec(script)![1];

  it('installs from the address that it was asked at, or from the public one', async () => {
    const market = await Market.fresh(sqlite);
    const script = async (headers: Record<string, string>) =>
      (await market.request({ method: 'GET', url: documents.install.path, headers })).text;
    expect(server(await script({ host: 'Market.example:8080' }))).toBe("'http://market.example:8080'");
    expect(server(await script({ host: '[::1]:8080' }))).toBe("'http://[::1]:8080'");
    const { get } = routes({ PINCHWORK_PUBLIC_URL: 'https://market.example' });
    const { body, headers } = await get(documents.install.path, { host: 'evil.example' });
    expect(server(body)).toBe("'https://market.example'");
    expect(body).not.toContain('evil');
    expect(headers['cache-control']).toBe('public, max-age=300');
  });

  it('runs nothing that a Host header says', async () => {
    const market = await Market.fresh(sqlite);
    for (const host of [
      "x'; touch /tmp/owned; '",
      'x$(touch owned)',
      'x`touch owned`',
      'x\\',
      'x;owned',
      'x|owned',
      'a b',
      'x/../owned',
      'user:owned@x',
      'x#owned',
      '\'"owned',
      'x%0aowned',
    ]) {
      const { text, status, headers } = await market.request({
        method: 'GET',
        url: documents.install.path,
        headers: { host },
      });
      expect(status).toBe(200);
      expect(text).not.toContain('owned');
      expect(server(text)).toMatch(/^'http:\/\/[\d.:]+'$/);
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('is clean by shellcheck', async ({ skip }) => {
    skip(noTool('shellcheck'), 'there is no shellcheck');
    const { get } = routes();
    const { body } = await get(documents.install.path);
    expect(execFileSync('shellcheck', ['-'], { input: body, encoding: 'utf8' })).toBe('');
  });
});
