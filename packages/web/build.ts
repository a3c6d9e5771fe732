import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { RolldownOptions } from 'rolldown';

/**
 * Builds `dist`: the pages as one module for the server, and the files that browsers load, each under a name with its
 * hash, as it is and compressed. `npm ci` does so, in about a second.
 */

const folder = import.meta.dirname;
const target = join(folder, 'dist');

/** The parts of the stylesheet, in order. */
const styles = ['tokens', 'ground', 'layout', 'text', 'controls', 'data', 'states', 'flows', 'pages', 'motion'];

async function bundle(input: RolldownOptions): Promise<string> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown(input);
  const { output } = await build.generate({
    format: 'esm',
    codeSplitting: false,
    minify: true,
    comments: { legal: false },
  });
  await build.close();
  return output[0].code;
}

/** Leaves out comments, line ends and indentation. */
const smaller = (css: string) => css.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\s*\n\s*/g, ' ');

/** Writes a file under a name with its hash, and compressed beside it. */
function writeAsset(name: string, bytes: Buffer): string {
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 12);
  const named = name.replace('.', `-${hash}.`);
  const path = join(target, 'assets', named);
  writeFileSync(path, bytes);
  if (!name.endsWith('.png')) {
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
  return named;
}

const read = (name: string) => readFileSync(join(folder, 'src', name));

rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, 'assets'), { recursive: true });
const [pages, script] = await Promise.all([
  bundle({ input: join(folder, 'src/index.tsx'), platform: 'node' }),
  bundle({ input: join(folder, 'src/live/main.ts'), platform: 'browser' }),
]);
writeFileSync(join(target, 'pages.js'), pages);
const assets = {
  style: writeAsset(
    'pages.css',
    Buffer.from(smaller(styles.map((name) => read(`css/${name}.css`).toString()).join('\n'))),
  ),
  script: writeAsset('pages.js', Buffer.from(script)),
  card: writeAsset('card.png', read('card.png')),
};
writeFileSync(join(target, 'assets.json'), `${JSON.stringify(assets, undefined, 2)}\n`);
