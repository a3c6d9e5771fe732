import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/ground/config.ts';
import { sqlite } from '../support/engines.ts';
import { Market } from '../support/market.ts';
import { settingRows } from '../support/setting-rows.ts';

const set = (name: string, value: string) => ({ [`PINCHWORK_${name}`]: value });

function problemWith(name: string, value: string): string {
  try {
    readConfig(set(name, value));
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error(`PINCHWORK_${name}=${value} was taken`);
}

const secrets = ['ADMIN_KEY', 'DATABASE_URL', 'OPERATOR_WEBHOOK_URL', 'OPERATOR_WEBHOOK_SECRET'];

describe.each(Object.entries(settingRows))('%s', (name, { read, fallback, good, bad, mustBe }) => {
  it('has its default when it is not set, or empty', () => {
    expect(read(readConfig({}).config)).toEqual(fallback);
    for (const empty of ['', ' ', '\t\n']) expect(read(readConfig(set(name, empty)).config)).toEqual(fallback);
  });

  it.each(good)('reads %j', (text, value) => {
    expect(read(readConfig(set(name, text)).config)).toEqual(value);
  });

  it.each(bad)('refuses %j with a sentence that names it and says what it must be', (value) => {
    const message = problemWith(name, value);
    expect(message).toMatch(/^PINCHWORK_[A-Z_]+ must be [^\n]+\.$/);
    expect(message).toContain(`PINCHWORK_${name} must be ${mustBe}`);
    if (secrets.includes(name)) expect(message).not.toContain(value);
    else expect(message).toContain(`not "${value}"`);
  });
});

describe('secrets', () => {
  it.each([
    ['ADMIN_KEY', 'hunter2 '.repeat(3) + 'x'],
    ['DATABASE_URL', 'postgres://user:hunter2#@host/db'],
    ['DATABASE_URL', 'mysql://user:hunter2@host/db'],
  ])('of %s are in no message', (name, value) => {
    expect(problemWith(name, value)).not.toContain('hunter2');
  });

  it('of the database are not part of its shown location', async () => {
    const unreachable = 'postgres://user:hunter2@127.0.0.1:1/db?password=hunter2';
    const failure: unknown = await Market.open(unreachable).catch((error: unknown) => error);
    expect(String(failure)).toContain('PostgreSQL at postgres://127.0.0.1:1/db (PINCHWORK_DATABASE_URL)');
    expect(String(failure)).not.toContain('hunter2');
  });
});

describe('names', () => {
  it('that are unknown cause a warning and are ignored', () => {
    const env = {
      PINCHWORK_PROT: '80',
      PINCHWORK_toString: 'x',
      PINCHWORK_: 'x',
      PINCHWORK_port: '1',
      PINCHWORK_PORT: '81',
    };
    const { config, warnings } = readConfig(env);
    expect(warnings).toEqual(
      ['PINCHWORK_PROT', 'PINCHWORK_toString', 'PINCHWORK_', 'PINCHWORK_port'].map(
        (name) => `${name} is not a setting of Pinchwork and is ignored.`,
      ),
    );
    expect(config).toEqual({ ...readConfig({}).config, port: 81 });
  });

  it('without the prefix are ignored', () => {
    const { config, warnings } = readConfig({
      PORT: 'x',
      HOST: 'y',
      pinchwork_PORT: '1',
      PATH: '/bin',
      npm_config_x: undefined,
    });
    expect([config, warnings]).toEqual([readConfig({}).config, []]);
  });
});

it('every accepted list of proxies can be used', async () => {
  for (const [list] of settingRows.TRUST_PROXY.good) {
    const market = await Market.fresh(sqlite, { PINCHWORK_TRUST_PROXY: list });
    const { status } = await market.request({
      method: 'GET',
      url: '/health',
      headers: { 'x-forwarded-for': '192.0.2.9' },
    });
    expect(status).toBe(200);
  }
});
