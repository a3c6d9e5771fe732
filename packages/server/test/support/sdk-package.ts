import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratchFolder } from './scratch.ts';

const run = promisify(execFile);
const sdk = fileURLToPath(new URL('../../../sdk', import.meta.url));

/** Builds and packs the client. */
export async function makeSdkPackage(): Promise<{ path: string; remove: () => void }> {
  const folder = scratchFolder('sdk');
  await run(process.execPath, [join(sdk, 'build.ts'), '--publish']);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, join(sdk, 'dist')], {
    cwd: folder,
  });
  const [packed] = JSON.parse(stdout) as [{ filename: string }];
  return { path: join(folder, packed.filename), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
