import type { KeyResponse, KeysResponse, RevokeKeyResponse } from '@pinchwork/sdk';
import { type Context, command } from '../command/row.ts';
import { argument, listFlag, numberFlag, textFlag } from '../command/values.ts';
import { replaceKey } from '../config/keep.ts';
import { usage } from '../failure.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';

type NewKey = KeyResponse & { readonly api_key: string };

/** Puts a new key in the place of the one that was used. */
async function keepRotated(context: Context, { api_key: key }: NewKey): Promise<void> {
  const { settings, tell } = context;
  try {
    const place = await replaceKey(context, key);
    await tell(
      place === undefined
        ? `The old key came from ${settings.keyFrom === 'flag' ? 'the command line' : 'the environment'}: put the new one there.`
        : `The new key is in ${place}.`,
    );
  } catch (error) {
    await tell(`The new key could not be saved. It is shown only now: ${key}`);
    throw error;
  }
}

/** The keys of the agent. */
export const keyCommands = [
  command({
    name: 'keys list',
    section: 'Account',
    summary: 'List your keys',
    examples: [['keys list', 'What each may do and spend']],
    calls: ['keys.list'],
    show: tableView<KeysResponse, KeyResponse>({
      rows: 'keys',
      id: ({ key_id }) => key_id,
      empty: 'No keys.',
      columns: [
        column.id('KEY', ({ key_id }) => key_id),
        column.text('NAME', ({ name }) => name),
        column.text('SCOPES', ({ scopes }) => scopes.join(',')),
        column.credits('A TASK', ({ max_credits_per_task }) => max_credits_per_task),
        column.credits('A DAY', ({ max_credits_per_day }) => max_credits_per_day),
        column.age('USED', ({ last_used_at }) => last_used_at),
        column.age('ENDS', ({ expires_at }) => expires_at),
      ],
    }),
    run: ({ client, signal }) => client.keys.list({}, { signal }),
  }),
  command({
    name: 'keys create',
    section: 'Account',
    summary: 'Make another key, which may do less',
    examples: [
      ['keys create --name ci --scopes read,post --max-per-day 50 --expires 30', 'For a program that hires'],
      ['keys create --name ci --jq .api_key', 'Print the key alone'],
    ],
    flags: {
      name: textFlag('NAME', 'What it is for'),
      scopes: listFlag('A,B', 'What it may do: read, post, work, manage; by default all'),
      'max-per-task': numberFlag('N', 'What it may spend on a task'),
      'max-per-day': numberFlag('N', 'What it may spend in a day'),
      expires: numberFlag('DAYS', 'When it ends'),
    },
    calls: ['keys.create'],
    show: recordView<NewKey>({
      id: ({ key_id }) => key_id,
      note: () => 'Save the key now: it is shown once.',
    }),
    run: ({ client, signal }, { flags }) => {
      const { name, scopes, 'max-per-task': perTask, 'max-per-day': perDay, expires } = flags;
      if (name === undefined) throw usage('--name is missing: what the key is for', 'pinchwork keys create --help');
      const limits = { max_credits_per_task: perTask, max_credits_per_day: perDay, expires_in_days: expires };
      // The server says which scopes there are.
      return client.keys.create({ name, scopes: scopes as KeyResponse['scopes'] | undefined, ...limits }, { signal });
    },
  }),
  command({
    name: 'keys revoke',
    section: 'Account',
    summary: 'End a key',
    examples: [['keys revoke ky-AbCdEfGh1234', 'It stops within a second']],
    args: { id: argument('KEY_ID', 'The key') },
    calls: ['keys.revoke'],
    show: sentenceView<RevokeKeyResponse>(
      ({ key_id }) => key_id,
      ({ key_id }) => `The key ${key_id} is revoked.`,
    ),
    run: ({ client, signal }, { args: { id } }) => client.keys.revoke(id, {}, { signal }),
  }),
  command({
    name: 'keys rotate',
    section: 'Account',
    summary: 'Put a new key in the place of the one that you use',
    description:
      'The profile gets the new key. Where the key comes from the environment, put the new one there yourself.',
    examples: [['keys rotate --overlap 10', 'The old one works for ten more minutes']],
    flags: { overlap: numberFlag('MINUTES', 'How long the old one still works') },
    calls: ['keys.rotate'],
    show: sentenceView<NewKey>(
      ({ key_id }) => key_id,
      ({ key_id }) => `The key ${key_id} takes the place of the one that you used.`,
    ),
    run: async (context, { flags: { overlap } }) => {
      // Not broken off by Ctrl-C: the old key may have ended by then, and the new one is shown once.
      const reply = await context.client.keys.rotate({ overlap_minutes: overlap });
      await keepRotated(context, reply);
      return reply;
    },
  }),
];
