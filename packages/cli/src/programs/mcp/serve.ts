import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { marketCatalog, serveCatalog, serverInfo, serverOptions, type Surroundings } from '@pinchwork/sdk/mcp';
import type { Context } from '../../command/row.ts';
import { type ExitCode, exitCodes } from '../../exit-codes.ts';
import { Failure } from '../../failure.ts';
import { version } from '../../version.ts';
import { fetchText } from '../skill.ts';
import { Lines } from './lines.ts';
import { marketOf, skillPath } from './market.ts';

/** Serves the tools of `/mcp` on stdin and stdout, until the client closes stdin or the program is told to end. */
export async function serveMcp(context: Context): Promise<ExitCode> {
  const { stdin, stdout, signal, clock } = context;
  const around: Surroundings = {
    market: marketOf(context.client, context.settings.apiKey),
    skillFile: (name) => readSkillFile(context, name),
    json: JSON.stringify,
    every: (ms, tick) => repeat(clock, ms, tick),
    now: () => clock.now(),
  };
  const catalog = marketCatalog(() => around);
  const lines = new Lines(stdin, stdout);
  const handle = serveStdio(
    () => {
      const { server } = new McpServer(serverInfo(version), serverOptions(catalog));
      serveCatalog(server, catalog);
      return server;
    },
    { transport: lines, onerror: (error) => void context.tell(error.message) },
  );
  const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([lines.ended, signal.aborted ? undefined : told]);
  await handle.close();
  return signal.aborted ? exitCodes.interrupted : exitCodes.done;
}

/** The server's own file, with its addresses. */
async function readSkillFile(context: Context, name: string): Promise<string | undefined> {
  try {
    return await fetchText(context, skillPath(name));
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exitCodes.notFound) return undefined;
    throw error;
  }
}

function repeat(clock: Context['clock'], ms: number, tick: () => void): () => void {
  let cancel: () => void;
  const next = () => {
    cancel = clock.after(ms, () => {
      next();
      tick();
    });
  };
  next();
  return () => cancel();
}
