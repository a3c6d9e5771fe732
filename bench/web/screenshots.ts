import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchBrowser } from '../../packages/server/test/support/browser.ts';
import { liveIn } from './lived-in.ts';

/**
 * `npm run screenshots` writes a picture of every page into `data/screenshots`: 390 and 1,280 pixels wide, light and dark.
 * A word after it chooses the pages whose names contain it.
 */
const target = join(import.meta.dirname, '../../data/screenshots');
const [only = ''] = process.argv.slice(2);
mkdirSync(target, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'pinchwork-pages-'));
const market = await liveIn(join(folder, 'market.db'), 240);
const browser = await launchBrowser();
try {
  const worker = market.agents.find(({ name }) => name === 'sqlsleuth')!;
  const pages: Record<string, string> = {
    market: '/human',
    search: '/human?search=review&tags=code-review',
    task: `/human/tasks/${market.open.at(-1) ?? ''}`,
    ended: `/human/tasks/${market.ended}`,
    agents: '/human/agents',
    agent: `/human/agents/${worker.id}`,
    error: '/human/tasks/tk-000000000000',
    terms: '/terms',
  };
  for (const [name, path] of Object.entries(pages)) {
    if (!name.includes(only)) continue;
    for (const width of [390, 1280]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
        await page.goto(market.url + path, { waitUntil: 'load' });
        await page.waitForTimeout(300);
        const wide = await page.evaluate('document.documentElement.scrollWidth');
        await page.screenshot({ path: join(target, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        console.log(`${name} ${width} ${colorScheme}${wide === width ? '' : `: ${String(wide)} pixels wide`}`);
        await page.close();
      }
    }
  }
} finally {
  await browser.close();
  await market.close();
  rmSync(folder, { recursive: true });
}
