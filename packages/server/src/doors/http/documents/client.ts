import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { documents } from '@pinchwork/sdk/table';
import type { FastifyInstance } from 'fastify';
import { DomainError } from '../../../ground/errors.ts';
import { version } from '../../../ground/version.ts';
import type { Context } from '../../../verbs/context.ts';
import { fill, readTemplate } from '../../pages/template.ts';
import { baseUrl, cacheDocument } from '../base-url.ts';
import { sendHashed, sha256 } from '../hashed.ts';

/** The command line in one file, as `npm ci` builds it. */
export const builtProgram = new URL('../../../../../cli/dist/pinchwork.mjs', import.meta.url);

/** A word for a POSIX shell, whatever characters it has. */
const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Routes of the command line: the script that installs it from this server, the program and its checksum.
 *
 * @param file the program; it need not be built when the server starts
 */
export function clientRoutes(app: FastifyInstance, ctx: Pick<Context, 'config'>, file: URL = builtProgram): void {
  const script = readTemplate('install.sh');
  const install = (base_url: string) => fill(script, { version, base_url, server: quoted(base_url) });
  install('');
  app.get(documents.install.path, async (request, reply) =>
    sendHashed(request, cacheDocument(ctx, reply), {
      bytes: install(baseUrl(ctx, request)),
      type: 'text/x-shellscript; charset=utf-8',
    }),
  );

  const program = keptProgram(file);
  // Caches ask each time whether it has changed, so that the program and its checksum are of one version.
  const always = 'public, no-cache';
  app.get(documents.program.path, async (request, reply) =>
    sendHashed(request, reply.header('cache-control', always), {
      ...(await program()),
      type: 'text/javascript; charset=utf-8',
    }),
  );
  app.get(documents.programHash.path, async (request, reply) =>
    sendHashed(request, reply.header('cache-control', always), {
      // In the form of sha256sum, which can check it.
      bytes: `${(await program()).hash}  ${basename(documents.program.path)}\n`,
      type: 'text/plain; charset=utf-8',
    }),
  );
}

interface Program {
  readonly bytes: Buffer;
  readonly hash: string;
}

/** Reads the program when it is first asked for, and again when the file has changed. */
function keptProgram(file: URL): () => Promise<Program> {
  let kept: { readonly from: string; readonly program: Program } | undefined;
  return async () => {
    const { mtimeMs, size } = await stat(file).catch(() => {
      throw new DomainError(
        'not_found',
        'The command line is not built on this server',
        'Its operator builds it with "npm run prepare". Without it use curl: GET /skill.md says how.',
      );
    });
    const from = `${mtimeMs} ${size}`;
    if (kept?.from !== from) {
      const bytes = await readFile(file);
      kept = { from, program: { bytes, hash: sha256(bytes) } };
    }
    return kept.program;
  };
}
