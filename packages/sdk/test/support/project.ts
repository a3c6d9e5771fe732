import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { sdkPackage } from '../../../server/test/support/shared.ts';

const run = promisify(execFile);
const zod = fileURLToPath(new URL('../../../../node_modules/zod', import.meta.url));

/** A folder of a test's own. */
export class Folder {
  readonly folder = mkdtempSync(join(tmpdir(), 'pinchwork-project-'));

  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An empty project with the packed client installed, without any registry. */
export class Project extends Folder {
  static async make(): Promise<Project> {
    const project = new Project();
    project.write('package.json', '{ "type": "module", "private": true }');
    const packed = await sdkPackage();
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', packed, zod], { cwd: project.folder });
    return project;
  }
}
