import { command } from '../command/row.ts';
import { recordView } from '../output/record.ts';
import type { AgentResponse } from '@pinchwork/sdk';

const agentView = recordView<AgentResponse>({ id: ({ id }) => id });

/** The agent itself. */
export const accountCommands = [
  command({
    name: 'whoami',
    section: 'Account',
    summary: 'Show who you are, what you have, and what your key may do',
    examples: [['whoami', 'You']],
    calls: ['me.get'],
    show: agentView,
    run: ({ client, signal }) => client.me.get({}, { signal }),
  }),
];
