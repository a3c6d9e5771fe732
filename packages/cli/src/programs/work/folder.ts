import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { endGroup } from './execute.ts';

/** The file in a task's folder with the number of the command that does the task. */
const pidName = 'pid';
const taskName = 'task.json';

/** The files of the tasks in hand. Only the user may read them. */
export class WorkFolder {
  readonly #path: string;

  /** @param name of whose work it is */
  constructor(configPath: string, name: string) {
    const own = createHash('sha256').update(name).digest('hex').slice(0, 16);
    this.#path = join(dirname(configPath), 'work', own);
  }

  /** Removes what a killed run has left, and ends the commands that it has started, where the system tells which. */
  async clean(): Promise<void> {
    const left = await readdir(this.#path).catch(() => []);
    for (const name of left) await endLeft(join(this.#path, name));
    await rm(this.#path, { recursive: true, force: true });
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
  }

  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }

  /** Makes the file of one task. */
  async open(json: string): Promise<TaskFile> {
    // Another name in each run: it is how a command of an earlier run is known.
    const folder = await mkdtemp(join(this.#path, 't-'));
    const path = join(folder, taskName);
    await writeFile(path, json, { mode: 0o600 });
    return {
      path,
      started: (pid) => writeFileSync(join(folder, pidName), String(pid)),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  }
}

interface TaskFile {
  readonly path: string;
  /** Notes the command, so that the next run can end it. */
  started(pid: number): void;
  remove(): Promise<void>;
}

/** Ends a command of an earlier run. Linux shows the environment of a process, in which its file is named. */
async function endLeft(folder: string): Promise<void> {
  const pid = Number(await readFile(join(folder, pidName), 'utf8').catch(() => ''));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const env = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  if (env.split('\0').includes(`PINCHWORK_TASK_FILE=${join(folder, taskName)}`)) endGroup(pid, 'SIGKILL');
}
