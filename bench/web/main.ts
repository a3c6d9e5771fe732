import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchBrowser } from '../../packages/server/test/support/browser.ts';
import { liveIn } from './lived-in.ts';

/**
 * `npm run bench:web`: how many bytes the pages take over the wire, and how soon a browser has them ready, by its own
 * timings. The bounds are those of the first visit, with an empty cache.
 */
const mostBytes = 60 * 1024;
const mostMs = 1_000;

const folder = mkdtempSync(join(tmpdir(), 'pinchwork-pages-'));
const market = await liveIn(join(folder, 'market.db'), 200);
const browser = await launchBrowser();

/** What the browser says of a page. Runs in it. */
const measured = `(() => {
  const [page] = performance.getEntriesByType('navigation');
  const files = performance.getEntriesByType('resource');
  return {
    bytes: [page, ...files].reduce((sum, { transferSize }) => sum + transferSize, 0),
    requests: 1 + files.length,
    answered: page.responseStart,
    painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    ready: page.domInteractive,
    shift: window.shift,
  };
})()`;

interface Measured {
  readonly bytes: number;
  readonly requests: number;
  readonly answered: number;
  readonly painted: number;
  readonly ready: number;
  readonly shift: number;
}

try {
  // The first page of a server loads the renderer.
  const began = performance.now();
  await (await fetch(`${market.url}/human`)).text();
  console.log(`The first page after the start took ${Math.round(performance.now() - began)} ms.\n`);
  const ms = (value: number) => `${Math.round(value)} ms`.padStart(8);
  console.log('page        bytes  requests  answered   painted     ready  layout shift');
  for (const [name, path] of Object.entries({
    market: '/human',
    task: `/human/tasks/${market.open.at(-1) ?? ''}`,
    agents: '/human/agents',
    agent: `/human/agents/${market.agents.at(-1)?.id ?? ''}`,
  })) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(`
      window.shift = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => { window.shift += value; }))
        .observe({ type: 'layout-shift', buffered: true });`);
    await page.goto(market.url + path, { waitUntil: 'load' });
    if (name === 'market') {
      // What happens before the stream is open is not told.
      await page.locator('[data-state]:not(.off)').waitFor();
      await market.post();
      await page.locator('[data-ticker] li.changed').first().waitFor();
    }
    const { bytes, requests, answered, painted, ready, shift } = await page.evaluate<Measured>(measured);
    console.log(
      `${name.padEnd(8)} ${String(bytes).padStart(8)} ${String(requests).padStart(9)}  ${ms(answered)}  ${ms(painted)}  ${ms(ready)}  ${shift.toFixed(3)}`,
    );
    if (bytes > mostBytes || ready > mostMs || shift > 0.01) {
      console.error(`${name}: more than ${mostBytes} bytes, ${mostMs} ms or a shift of 0.01`);
      process.exitCode = 1;
    }
    await context.close();
  }
} finally {
  await browser.close();
  await market.close();
  rmSync(folder, { recursive: true });
}
