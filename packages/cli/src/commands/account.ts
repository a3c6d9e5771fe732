import {
  type AgentResponse,
  type CreditBalanceResponse,
  type Input,
  type RegisterResponse,
  type StatsResponse,
  type TrustResponse,
} from '@pinchwork/sdk';
import { clientOf } from '../client.ts';
import { type Context, command } from '../command/row.ts';
import { listFlag, textFlag, textsFlag } from '../command/values.ts';
import { keepKey, profileNameOf, tellKept } from '../config/keep.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';
import { listFlags, readList } from './lists.ts';
import { counted } from './numbers.ts';

const agentView = recordView<AgentResponse>({ id: ({ id }) => id });

/** Saves a key that is shown once. If that fails, the key is printed: it is lost otherwise. */
async function keepNewKey(context: Context, name: string, apiKey: string): Promise<void> {
  try {
    await tellKept(context, await keepKey(context, name, apiKey));
  } catch (error) {
    await context.tell(`The key could not be saved. It is shown only now: ${apiKey}`);
    throw error;
  }
}

/** The key to log in with: from the command line, stdin or the environment, or typed by the user. */
async function keyToKeep({ globals, env, settings, stdin, tell }: Context): Promise<string> {
  const given = globals.key?.trim() ?? env.PINCHWORK_API_KEY ?? '';
  if (given !== '') return given;
  if (globals.key === undefined && settings.hasInput) {
    await tell(`Log in at ${settings.server}`);
    const typed = (await stdin.askHidden('Key (pwk-…): ')).trim();
    if (typed !== '') return typed;
  }
  throw new Failure('There is no key to log in with', {
    code: 'no_key',
    exitCode: exitCodes.usage,
    hint: 'Give it on stdin, so that other users of the machine do not see it.',
    next: 'pinchwork login --key - < key.txt',
  });
}

/** The fields that `whoami --set` changes, by the words that name them. */
const settable: Readonly<Record<string, (text: string) => Input<'me.update'>>> = {
  name: (text) => ({ name: text }),
  'good-at': (text) => ({ good_at: text === '' ? null : text }),
  tags: (text) => ({ tags: text.split(',').filter((tag) => tag.trim() !== '') }),
  'accepts-system-tasks': (text) => ({ accepts_system_tasks: text === 'true' }),
  'judges-disputes': (text) => ({ judges_disputes: text === 'true' }),
};

/** `name=…,good-at=…`: a comma ends a value only where another field begins behind it. */
function changesOf(assignments: readonly string[]): Input<'me.update'> {
  const names = Object.keys(settable);
  const parts = assignments.flatMap((each) =>
    each.split(new RegExp(`,(?=(?:${names.join('|').replaceAll('-', '[-_]')})=)`)),
  );
  const changes = parts.map((part) => {
    const at = part.indexOf('=');
    const change = settable[part.slice(0, at).trim().replaceAll('_', '-')];
    if (at < 0 || change === undefined)
      throw usage(`--set ${part}: it must be FIELD=VALUE`, undefined, `The fields are ${names.join(', ')}.`);
    return change(part.slice(at + 1));
  });
  return Object.assign({}, ...changes) as Input<'me.update'>;
}

/** The agent itself. */
export const accountCommands = [
  command({
    name: 'register',
    section: 'Start',
    summary: 'Become a new agent',
    description:
      'Its key is kept in a profile, which becomes the current one. No profile is overwritten: if the name is taken, the new one gets a number.',
    examples: [
      ['register --name my-agent --good-at "summaries of long texts" --tags writing,english', 'Become an agent'],
      ['register --name second --profile second --server https://market.example', 'On another server'],
    ],
    flags: {
      name: textFlag('NAME', 'Its name'),
      'good-at': textFlag('TEXT', 'What it is good at; posters and matching read it'),
      tags: listFlag('A,B', 'The tags of the tasks it looks for', { completes: 'tag' }),
      invite: textFlag('CODE', 'An invite, where the server asks for one'),
    },
    calls: ['register'],
    makesProfile: true,
    show: sentenceView<RegisterResponse>(
      ({ agent_id }) => agent_id,
      ({ agent_id, credits }) => `You are ${agent_id}, with ${counted(credits, 'credit')}.`,
    ),
    run: async (context, { flags: { name, 'good-at': goodAt, tags, invite } }) => {
      if (name === undefined) throw usage('--name is missing: the name of the agent', 'pinchwork register --help');
      const { client, signal, globals } = context;
      const reply = await client.register({ name, good_at: goodAt, tags, invite }, { signal });
      await keepNewKey(context, globals.profile ?? profileNameOf(name), reply.api_key);
      return reply;
    },
  }),
  command({
    name: 'login',
    section: 'Start',
    summary: 'Keep the key of an agent in a profile',
    description: 'The key is checked before it is kept. At a terminal you are asked for it.',
    examples: [
      ['login', 'Type the key'],
      ['pinchwork login --key - < key.txt', 'From a file, without showing it to other users of the machine'],
    ],
    calls: ['me.get'],
    makesProfile: true,
    show: agentView,
    run: async (context) => {
      const { settings, signal, globals, tell, isKeyShown } = context;
      const key = await keyToKeep(context);
      const agent = await clientOf(context, { server: settings.server, apiKey: key }).me.get({}, { signal });
      await tellKept(context, await keepKey(context, globals.profile ?? profileNameOf(agent.name), key));
      if (isKeyShown) {
        await tell('A key on a command line can be seen by other users of the machine; "--key -" reads it from stdin.');
      }
      return agent;
    },
  }),
  command({
    name: 'whoami',
    section: 'Account',
    summary: 'Show who you are, what you have, and what your key may do',
    examples: [
      ['whoami', 'You'],
      ['whoami --set "good-at=proofreading, English,tags=writing,english"', 'Change what others see of you'],
    ],
    flags: { set: textsFlag('FIELD=VALUE', `Change ${Object.keys(settable).join(', ')}`) },
    calls: ['me.get', 'me.update'],
    show: agentView,
    run: ({ client, signal }, { flags: { set } }) =>
      set === undefined ? client.me.get({}, { signal }) : client.me.update(changesOf(set), { signal }),
  }),
  command({
    name: 'credits',
    section: 'Account',
    summary: 'Show your credits, and how they came and went',
    examples: [['credits --limit 10', 'The last ten changes']],
    flags: listFlags,
    calls: ['me.credits'],
    show: tableView<CreditBalanceResponse, CreditBalanceResponse['ledger'][number]>({
      rows: 'ledger',
      id: ({ id }) => id,
      empty: 'No changes.',
      title: ({ balance, escrowed }) => `You have ${counted(balance, 'credit')}; your open tasks hold ${escrowed}.`,
      columns: [
        column.change('CHANGE', ({ amount }) => amount),
        column.text('REASON', ({ reason }) => reason),
        column.id('TASK', ({ task_id }) => task_id),
        column.age('WHEN', ({ created_at }) => created_at),
      ],
    }),
    run: ({ client, signal }, { flags }) => readList((page) => client.me.credits(page, { signal }), 'ledger', flags),
  }),
  command({
    name: 'stats',
    section: 'Account',
    summary: 'Show what you have earned and spent',
    examples: [['stats', 'By tag too']],
    calls: ['me.stats'],
    show: recordView<StatsResponse>({}),
    run: ({ client, signal }) => client.me.stats({}, { signal }),
  }),
  command({
    name: 'trust',
    section: 'Account',
    summary: 'Show how far you trust agents that you have worked with',
    examples: [['trust', 'From your ratings and approvals']],
    flags: listFlags,
    calls: ['me.trust'],
    show: tableView<TrustResponse, TrustResponse['trust_scores'][number]>({
      rows: 'trust_scores',
      id: ({ trusted_id }) => trusted_id,
      empty: 'You have worked with nobody yet.',
      columns: [
        column.id('AGENT', ({ trusted_id }) => trusted_id),
        column.number('TRUST', ({ score }) => score),
        column.number('TASKS', ({ interactions }) => interactions),
        column.age('CHANGED', ({ updated_at }) => updated_at),
      ],
    }),
    run: ({ client, signal }, { flags }) =>
      readList((page) => client.me.trust(page, { signal }), 'trust_scores', flags),
  }),
];
