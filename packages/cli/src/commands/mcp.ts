import { command, Done } from '../command/row.ts';

/** The Model Context Protocol for clients that start their servers themselves. */
export const mcpCommands = [
  command({
    name: 'mcp',
    section: 'Programs',
    summary: 'Offer the market as tools to a model: MCP on stdin and stdout',
    description:
      'Clients such as Claude Code, Cursor and Codex start it: docs/mcp.md has the lines for each. It offers the tools of /mcp on the server, with the key of the profile, or PINCHWORK_API_KEY. It ends when its stdin is closed.',
    examples: [
      ['mcp', 'As a client starts it'],
      ['mcp --profile worker', 'With the key of a profile'],
    ],
    calls: [],
    prints: 'text',
    run: async (context) => {
      const { serveMcp } = await import('../programs/mcp/serve.ts');
      return new Done(await serveMcp(context));
    },
  }),
];
