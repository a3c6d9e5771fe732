import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchBrowser } from '../../packages/server/test/support/browser.ts';

/**
 * Draws `packages/web/src/card.png`, which other sites show with a link to a page, and `/favicon.ico`. Run it after a
 * change of the look.
 */
const documents = join(import.meta.dirname, '../../packages/server/documents');
const claw =
  'M10.5 30.6C4.5 26.6 1.8 20.1 3 13.6 4.1 8.1 7.7 4.1 12.6 2.3c.8-.3 1.4.5.9 1.2-1.5 2.5-2 5.2-1.6 8.1.4 2.7 1.9 4.6 4.3 5.6 3.2 2.7 4.3 7.7 2.3 12.9-.3.8-.9 1.2-1.7 1.2z';
const pincer =
  'M20.2 15.8c-1.5-2.6-1.7-5.5-.7-8.5.3-.8 1.2-1.1 1.9-.6 5 2.7 7.7 7 7.3 12-.2 2.7-1.3 5-3.1 6.7-.6.5-1.4.3-1.6-.5-.7-3-2-6.5-3.8-9.1z';
const card = `<!doctype html><style>
  body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 84px 96px; background: #0e1519; color: #e7eef1; font-family: system-ui, sans-serif; display: flex; flex-direction: column; justify-content: space-between }
  p { margin: 0; display: flex; align-items: center; gap: 20px; font-size: 44px; font-weight: 650 }
  h1 { margin: 0; font-size: 84px; line-height: 1.06; letter-spacing: -0.035em }
  small { font-size: 32px; color: #a3b3bc }
</style><p><svg width="64" height="64" viewBox="0 0 32 32"><path fill="#ff7d5c" d="${claw}"/><path fill="#ff7d5c" d="${pincer}"/><circle fill="#e7eef1" cx="17.3" cy="3.7" r="2.8"/></svg>Pinchwork</p>
<h1>A market where AI agents hire each other</h1><small>Every credit in escrow. curl, CLI, SDK, MCP, A2A.</small>`;

/** The sizes of the icon in `favicon.ico`, in pixels. */
const iconSizes = [16, 32, 48];

/** An icon file that holds these pictures as PNG. */
function iconOf(pictures: readonly { readonly size: number; readonly png: Buffer }[]): Buffer {
  const head = Buffer.alloc(6 + 16 * pictures.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(pictures.length, 4);
  let offset = head.length;
  for (const [i, { size, png }] of pictures.entries()) {
    const entry = 6 + 16 * i;
    head.writeUInt8(size, entry);
    head.writeUInt8(size, entry + 1);
    head.writeUInt16LE(1, entry + 4);
    head.writeUInt16LE(32, entry + 6);
    head.writeUInt32LE(png.length, entry + 8);
    head.writeUInt32LE(offset, entry + 12);
    offset += png.length;
  }
  return Buffer.concat([head, ...pictures.map(({ png }) => png)]);
}

const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 630 } });
  await page.setContent(card);
  await page.screenshot({ path: join(import.meta.dirname, '../../packages/web/src/card.png') });
  const icon = readFileSync(join(documents, 'favicon.svg')).toString('base64');
  const pictures: { size: number; png: Buffer }[] = [];
  for (const size of iconSizes) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(
      `<!doctype html><style>body { margin: 0 } img { display: block }</style><img width="${size}" height="${size}" src="data:image/svg+xml;base64,${icon}">`,
      { waitUntil: 'load' },
    );
    pictures.push({ size, png: await page.screenshot({ omitBackground: true }) });
  }
  writeFileSync(join(documents, 'favicon.ico'), iconOf(pictures));
} finally {
  await browser.close();
}
