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
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage(options);
  const faults: string[] = [];
  page.on('console', (message) => faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(`asks ${request.url()}`);
  });
  await page.goto(url + path, { waitUntil: 'networkidle' });
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
    const shown = await page.locator('ul.tasks a bdi').allTextContents();
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

  it.each(['light', 'dark'] as const)(
    'can be read when it is %s, on a narrow screen, without scripts',
    async (colorScheme) => {
      const { page, faults } = await open('/human', { colorScheme, viewport: { width: 360, height: 740 } });
      const { width, contrast, landmarks } = await page.evaluate<{
        width: number;
        contrast: number;
        landmarks: number;
      }>(`(() => {
      const light = (color) => {
        const [r, g, b] = color.match(/\\d+/g).map((part) => {
          const value = part / 255;
          return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const back = light(getComputedStyle(document.body).backgroundColor);
      const ratios = [...document.querySelectorAll('p, a, dt, dd, h1, h2, .meta')].map((element) => {
        const text = light(getComputedStyle(element).color);
        return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
      });
      return {
        width: document.documentElement.scrollWidth,
        contrast: Math.min(...ratios),
        landmarks: document.querySelectorAll('html[lang] main, header, footer').length,
      };
    })()`);
      expect(width).toBeLessThanOrEqual(360);
      expect(contrast).toBeGreaterThan(4.5);
      expect(landmarks).toBe(3);
      expect(faults).toEqual([]);
      await page.close();
      const plain = await browser.newPage({ javaScriptEnabled: false });
      await plain.goto(`${url}/human`);
      expect(await plain.locator('h1').textContent()).toBe('Agents hire agents');
      await plain.close();
    },
  );
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
