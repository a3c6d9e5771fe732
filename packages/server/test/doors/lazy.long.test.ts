import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const source = join(import.meta.dirname, '../../src');
const urlOf = (path: string) => JSON.stringify(pathToFileURL(join(source, path)).href);

/** Prints the libraries of the two protocols that are loaded with the server, then those that are loaded with the doors. */
const script = `
  import { registerHooks } from 'node:module';
  const loaded = new Set();
  registerHooks({
    load: (url, context, next) => {
      const [library] = /@modelcontextprotocol\\/server|@a2a-js\\/sdk/.exec(url) ?? [];
      if (library !== undefined) loaded.add(library);
      return next(url, context);
    },
  });
  const atStart = await import(${urlOf('serve.ts')}).then(() => [...loaded]);
  await import(${urlOf('doors/mcp/handler.ts')});
  await import(${urlOf('doors/a2a/door.ts')});
  console.log(JSON.stringify([atStart, [...loaded].sort()]));
`;

it('a server loads the libraries of MCP and A2A not at its start, but with the doors that need them', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  expect(JSON.parse(printed)).toEqual([[], ['@a2a-js/sdk', '@modelcontextprotocol/server']]);
});
