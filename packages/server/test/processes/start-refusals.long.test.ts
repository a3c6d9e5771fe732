import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itOnPostgres, postgres, sqlite } from '../support/engines.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { refusal } from './refusal.ts';

// More of what processes/start.test.ts begins with: each costs the start of a process.
describe('a start that cannot succeed', () => {
  // What each setting must be is tested in ground/config.test.ts, without a process.
  it.each([
    ['HOST', '192.0.2.1'],
    ['INITIAL_CREDITS', '-5'],
    ['DATABASE_URL', 'postgres://localhost:port/pinchwork'],
  ])('names PINCHWORK_%s when it is "%s"', async (name, value) => {
    const data = await sqlite.freshUrl();
    expect(await refusal({ PINCHWORK_DATABASE_URL: data, [`PINCHWORK_${name}`]: value })).toContain(
      `PINCHWORK_${name}`,
    );
  });

  it('names PINCHWORK_ADMIN_KEY when no header can hold it, and does not print it', async () => {
    const sentence = await refusal({ PINCHWORK_ADMIN_KEY: 'open sesame' });
    expect(sentence).toContain('PINCHWORK_ADMIN_KEY');
    expect(sentence).not.toContain('sesame');
  });

  it.runIf(existsSync('/proc/self'))('names PINCHWORK_DATABASE_URL when its folder can not be made', async () => {
    expect(await refusal({ PINCHWORK_DATABASE_URL: '/proc/nowhere/deep/market.db' })).toMatch(
      /\/proc\/nowhere\/deep\/market\.db as the data file \(PINCHWORK_DATABASE_URL\)/,
    );
  });

  it('names PINCHWORK_DATABASE_URL when it is a folder', async () => {
    const folder = join(temporaryFolder('start'), 'data');
    mkdirSync(folder);
    expect(await refusal({ PINCHWORK_DATABASE_URL: folder })).toContain('PINCHWORK_DATABASE_URL');
  });

  itOnPostgres.each([
    ['nobody listens', (url: URL) => (url.port = '1')],
    ['there is no such database', (url: URL) => (url.pathname = '/nowhere')],
  ])('names PINCHWORK_DATABASE_URL, without its password, when %s', async (_, spoil) => {
    const url = new URL(await postgres.freshUrl());
    url.password = 'open-sesame';
    spoil(url);
    const sentence = await refusal({ PINCHWORK_DATABASE_URL: url.href });
    expect(sentence).toContain('PINCHWORK_DATABASE_URL');
    expect(sentence).not.toContain('open-sesame');
  });
});
