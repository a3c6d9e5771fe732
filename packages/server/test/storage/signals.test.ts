import pg from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Signal } from '../../src/storage/database.ts';
import { Hosts } from '../../src/storage/postgres/hosts.ts';
import { PostgresSignals } from '../../src/storage/postgres/signals.ts';
import { describeOnPostgres, postgres } from '../support/engines.ts';
import { Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

/** The signals of one server, and what its listener has received. */
class Ear {
  readonly signals: PostgresSignals;
  readonly errors: Error[] = [];
  readonly heard = new Set<Signal>();
  /** How often it was told that signals may have been missed, which also happens for each new session. */
  missed = 0;

  private constructor(url: string) {
    this.signals = new PostgresSignals(new Hosts(url), (error) => this.errors.push(error));
    this.signals.subscribe({
      changed: (ids) => {
        for (const id of ids) this.heard.add(id);
      },
      missed: () => this.missed++,
    });
  }

  static async open(url: string): Promise<Ear> {
    const ear = new Ear(url);
    onTestFinished(() => ear.signals.close());
    ear.signals.connect();
    await until(() => ear.missed === 1);
    return ear;
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** All notifications on a database's channel. */
async function tap(url: string): Promise<string[]> {
  const client = await connect(url);
  const payloads: string[] = [];
  client.on('notification', ({ payload }) => payloads.push(payload!));
  await client.query('listen pinchwork');
  return payloads;
}

const ids = (count: number) => Array.from({ length: count }, (_, i) => `tk_${String(i).padStart(13, '0')}`);

describeOnPostgres('signals over PostgreSQL', () => {
  it('are sent together: a thousand commits at once take four notifications', async () => {
    const url = await postgres.freshUrl();
    const payloads = await tap(url);
    const [one, other] = [await Ear.open(url), await Ear.open(url)];
    for (const id of ids(1_000)) one.signals.send(new Set([id]));
    expect(one.heard.size).toBe(1_000);
    await until(() => other.heard.size === 1_000 && payloads.length >= 4);
    // The first one goes out at once; what came in meanwhile follows, as many as a notification holds at a time.
    expect(payloads.map((payload) => payload.split(',').length)).toEqual([1, 400, 400, 199]);
    expect([one.missed, other.missed]).toEqual([1, 1]);
  });

  it('become one signal that anything may have changed when there are too many', async () => {
    const url = await postgres.freshUrl();
    const payloads = await tap(url);
    const [one, other] = [await Ear.open(url), await Ear.open(url)];
    one.signals.send(new Set(ids(10_001)));
    await until(() => other.missed === 2 && payloads.length > 0);
    expect(payloads).toEqual([expect.stringMatching(/:\*$/)]);
    expect(other.heard.size).toBe(0);
  });

  it('drop a session that no longer answers, and open another one', async () => {
    const proxy = await Proxy.before(await postgres.freshUrl());
    const client = await connect(proxy.target);
    const notify = (id: string) => client.query(`notify pinchwork, 'another:${id}'`);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const ear = await Ear.open(proxy.url);
    await notify('tk_heard');
    await until(() => ear.heard.size === 1);

    proxy.freeze();
    await notify('tk_lost');
    vi.advanceTimersByTime(10_000);
    expect(ear.errors).toEqual([]);
    vi.advanceTimersByTime(5_000);
    await until(() => ear.errors.length === 1);
    expect(ear.errors[0]!.message).toBe('Query read timeout');
    proxy.thaw();
    await until(() => ear.missed === 2);
    await notify('tk_heard_again');
    await until(() => ear.heard.size === 2);
    expect([...ear.heard]).toEqual(['tk_heard', 'tk_heard_again']);
  });
});
