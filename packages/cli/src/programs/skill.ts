import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Context } from '../command/row.ts';
import { readText, writeText } from '../config/files.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { Failure } from '../failure.ts';

/** The guide for agents, from the server that the command line talks to. It needs no key, so none is sent. */

const timeoutMs = 30_000;
/** More than any guide has, so that no server can fill the disk. */
const mostBytes = 1024 * 1024;
const mostFiles = 50;

type Caller = Pick<Context, 'client' | 'signal' | 'fetch'>;

/**
 * The text of a document.
 *
 * @param path its path with its query
 * @throws Failure if the server does not answer, or refuses: with its message and hint
 */
export async function fetchText({ client, signal, fetch: own }: Caller, path: string): Promise<string> {
  const url = new URL(client.server + path);
  const failure = (message: string, code: string, exitCode: ExitCode, hint?: string) =>
    new Failure(message, { code, exitCode, hint });
  let reply;
  try {
    reply = await (own ?? fetch)(url, {
      headers: { accept: 'application/json, text/markdown;q=0.9' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await reply.text();
    if (reply.ok && text.length <= mostBytes) return text;
    if (reply.ok) throw failure(`${url.href} is too large for a guide`, 'unexpected_reply', exitCodes.failed);
    const { error, code, hint } = refusalOf(text);
    throw failure(
      error ?? `${url.href} answered ${reply.status}`,
      code ?? 'unexpected_reply',
      reply.status === 404 ? exitCodes.notFound : exitCodes.failed,
      hint,
    );
  } catch (error) {
    if (error instanceof Failure || signal.aborted) throw error;
    throw failure(`${url.origin} did not answer`, 'network_error', exitCodes.network, 'Is it the right server?');
  }
}

function refusalOf(text: string): { readonly error?: string; readonly code?: string; readonly hint?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The core of the guide, or one of its sections. */
export const readSection = (caller: Caller, section: string | undefined): Promise<string> =>
  fetchText(caller, section === undefined ? '/skill.md' : `/skill.md?section=${encodeURIComponent(section)}`);

interface Skill {
  readonly name: string;
  readonly url: string;
  readonly digest: string;
  readonly files: readonly string[];
}

/** A file of a skill's folder: no other path is written, whatever a server lists. */
const safeFile = /^(SKILL|references\/[a-z0-9-]{1,64})\.md$/;

/** @throws Failure for an index that is none */
function skillOf(index: string, server: string): Skill {
  const { skills } = refusalOf(index) as { skills?: unknown };
  const listed = Array.isArray(skills) ? (skills as (Partial<Skill> | null)[]) : [];
  const { name, url, digest, files } = listed.find((each) => each?.name === 'pinchwork') ?? {};
  const isWhole =
    typeof url === 'string' &&
    typeof digest === 'string' &&
    Array.isArray(files) &&
    files.length <= mostFiles &&
    files.includes('SKILL.md') &&
    files.every((file) => typeof file === 'string' && safeFile.test(file));
  if (name === undefined || !isWhole)
    throw new Failure(`${server} has no skill to install`, {
      code: 'unexpected_reply',
      exitCode: exitCodes.failed,
      hint: 'It may be older than this command line: "pinchwork skill" prints its guide.',
    });
  return { name, url, digest, files };
}

/** The files of the skill by their paths in its folder. @throws Failure if SKILL.md is not what the index says */
async function fetchSkill(caller: Caller): Promise<ReadonlyMap<string, string>> {
  const { server } = caller.client;
  const { url, digest, files } = skillOf(await fetchText(caller, '/.well-known/agent-skills/index.json'), server);
  // Beside SKILL.md, and on this server.
  const folder = new URL('.', new URL(url, server)).pathname;
  const texts = await Promise.all(files.map(async (file) => [file, await fetchText(caller, folder + file)] as const));
  const found = new Map(texts);
  const hash = createHash('sha256')
    .update(found.get('SKILL.md') ?? '')
    .digest('hex');
  if (digest !== `sha256:${hash}`)
    throw new Failure('The skill is not the one that the index names', {
      code: 'unexpected_reply',
      exitCode: exitCodes.failed,
      hint: 'It was changed in between, perhaps. Try again.',
    });
  return found;
}

/**
 * The folders where agents look for the skills of a user, in their documentation: `~/.agents/skills` is read by Codex,
 * Gemini CLI, OpenClaw and others, `~/.claude/skills` by Claude Code. Older versions of OpenClaw read only their own.
 */
async function usualFolders(home: string): Promise<string[]> {
  const openClaw = join(home, '.openclaw');
  const hasOpenClaw = await lstat(openClaw).then(
    () => true,
    () => false,
  );
  return [
    join(home, '.claude', 'skills'),
    join(home, '.agents', 'skills'),
    ...(hasOpenClaw ? [join(openClaw, 'skills')] : []),
  ];
}

/** What was installed. */
export interface Installed {
  readonly name: string;
  readonly server: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/**
 * Installs the skill of the server.
 *
 * @param dir the folder of skills; without: those that agents look in
 * @throws Failure if a folder has another skill with this name
 */
export async function installSkill(context: Context, dir: string | undefined): Promise<Installed> {
  const { cwd, home, settings } = context;
  const places = dir === undefined ? await usualFolders(home) : [resolve(cwd, dir)];
  const folders = places.map((place) => join(place, 'pinchwork'));
  for (const folder of folders) await checkFolder(folder);
  const files = await fetchSkill(context);
  for (const folder of folders) {
    for (const [file, text] of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeText(join(folder, file), text);
    }
  }
  return { name: 'pinchwork', server: settings.server, folders, files: [...files.keys()] };
}

/** @throws Failure for a folder that is not this skill's own */
async function checkFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined);
  if (found === undefined) return;
  const isOurs = found.isDirectory() && /^name: pinchwork$/m.test((await readText(join(folder, 'SKILL.md'))) ?? '');
  if (isOurs) return;
  throw new Failure(`${folder} is ${found.isSymbolicLink() ? 'a link' : 'something else'}`, {
    code: 'exists',
    exitCode: exitCodes.conflict,
    hint: 'Move it away, or say where else with --dir.',
  });
}
