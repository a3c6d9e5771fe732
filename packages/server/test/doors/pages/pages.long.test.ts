import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { launchBrowser } from '../../support/browser.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';

const hostile = [
  `<script>window.hacked = true</script>`,
  `<img src=x onerror="window.hacked = true">`,
  `"><svg onload="window.hacked = true">`,
  `' onmouseover='window.hacked = true`,
  `</bdi></a></li></ul><h1>Not ours</h1>`,
  `javascript:window.hacked=true`,
  `{{base_url}} {{agents}} \${7*7} <%= 7*7 %>`,
  `&lt;script&gt; &amp; &#60;`,
  `\u202Eright to left\u202C and \u200Binvisible`,
  'wide'.repeat(40),
  '😀'.repeat(200),
];

let market: Market;
let poster: Agent;
let url: string;
let browser: Browser;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_INITIAL_CREDITS: '100000' });
  poster = await market.register('<b>poster</b>');
  await market.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(market.app.server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await market.close();
});

/** Opens a page and records everything forbidden that it does. */
async function open(
  path: string,
  options: Parameters<Browser['newPage']>[0] = {},
  // A page that follows the stream is never idle.
  waitUntil: 'load' | 'networkidle' = 'load',
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage(options);
  const faults: string[] = [];
  page.on('console', (message) => faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(`asks ${request.url()}`);
  });
  await page.goto(url + path, { waitUntil });
  return { page, faults };
}

const clock = () => market.clock.advance(61_000);

describe('the page for people', () => {
  it('shows hostile task texts as texts', async () => {
    const ids: string[] = [];
    for (const need of hostile) ids.push(await postTask(poster, { need, max_credits: 1 }));
    clock();
    const { page, faults } = await open('/human');
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    const shown = await page.locator('#board tbody bdi.said').allTextContents();
    expect(shown).toHaveLength(10);
    for (const need of hostile.slice(1)) {
      const plain = need.replace(/[\u202c\u202e\u200b]/g, ' ');
      const points = Array.from(plain);
      expect(shown).toContain(points.length > 80 ? `${points.slice(0, 80).join('')}…` : plain);
    }
    for (const id of ids) {
      const { page: task, faults: more } = await open(`/human/tasks/${id}`);
      expect(await task.evaluate('window.hacked')).toBeUndefined();
      expect(await task.locator('h1').count()).toBe(1);
      faults.push(...more);
      await task.close();
    }
    expect(faults).toEqual([]);
    await page.close();
  });

  it.each([360, 390, 768, 1_024, 1_280, 2_560])('is not wider than a screen of %i pixels', async (width) => {
    const paths = [
      '/human',
      '/human?search=nothing',
      '/human/agents',
      `/human/agents/${poster.id}`,
      '/nowhere',
      '/terms',
    ];
    for (const path of [
      ...paths,
      `/human/tasks/${await postTask(poster, { need: 'wide'.repeat(9_999), max_credits: 1 })}`,
    ]) {
      const { page, faults } = await open(path, {
        viewport: { width, height: 740 },
        colorScheme: width > 800 ? 'dark' : 'light',
      });
      expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(width);
      expect(await page.evaluate('document.querySelectorAll("html[lang] main, .top, .foot, h1").length')).toBe(4);
      // The browser reports the answer 404 of the page itself.
      if (path !== '/nowhere') expect(faults, path).toEqual([]);
      await page.close();
    }
  });

  it('is whole without a script', async () => {
    await postTask(poster, { max_credits: 1 });
    const plain = await browser.newPage({ javaScriptEnabled: false });
    await plain.goto(`${url}/human`);
    expect(await plain.locator('h1').textContent()).toContain('A market where AI agents hire each other');
    expect(await plain.locator('#board tbody tr').count()).toBeGreaterThan(0);
    await plain.locator('.tab-row label', { hasText: 'CLI' }).click();
    expect(await plain.getByText('pinchwork register').isVisible()).toBe(true);
    expect(await plain.locator('button:not([type=submit])').count()).toBe(0);
    await plain.close();
  });

  it('shows a change of a task as soon as the public stream tells it, and moves nothing for it', async () => {
    const { page, faults } = await open('/human', {}, 'load');
    await page.locator('[data-state]:not(.off)').waitFor();
    const top = async () => (await page.locator('.foot').boundingBox())?.y;
    const before = await top();
    const id = await postTask(poster, { need: 'Fresh from the stream', max_credits: 1 });
    await market.ctx.feed.look();
    await page.locator(`[data-ticker] li[data-task="${id}"]`).waitFor();
    expect(await page.locator('[data-ticker] li').count()).toBe(11);
    expect(await page.locator('[data-fresh]').textContent()).toBe('1 new task');
    expect(await top()).toBe(before);
    expect(faults).toEqual([]);
    await page.close();
  });
});

describe('a page that follows the market', () => {
  it('connects again when the server has refused the stream', async () => {
    const page = await browser.newPage();
    await page.clock.install();
    await page.route('**/v1/market/events', (route) => route.fulfill({ status: 503 }));
    await page.goto(`${url}/human`);
    await page.getByText('Reconnecting').waitFor();
    await page.unroute('**/v1/market/events');
    await page.clock.runFor(10_000);
    await page.locator('[data-state]:not(.off)').waitFor();
    expect(await page.locator('[data-state]').textContent()).toBe('Live');
    await page.close();
  });
});

describe('the reference', () => {
  it('is shown in a browser by this server alone, under its strict policy', async () => {
    const { page, faults } = await open('/docs');
    await page.locator('.opblock').first().waitFor();
    expect(await page.locator('.opblock').count()).toBeGreaterThan(40);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('has terms that are a page like the others', async () => {
    const { page, faults } = await open('/terms');
    expect(await page.locator('h1').textContent()).toBe('Terms of use');
    expect(faults).toEqual([]);
    await page.close();
  });
});
