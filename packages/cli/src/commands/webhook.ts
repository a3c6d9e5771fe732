import type { AgentResponse, DeliveriesResponse, DeliveryResponse } from '@pinchwork/sdk';
import { command } from '../command/row.ts';
import { argument, choiceFlag, listFlag, textFlag } from '../command/values.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';
import { listFlags, readList } from './lists.ts';

const agentSentence = (sentence: (agent: AgentResponse) => string) =>
  sentenceView<AgentResponse>(({ id }) => id, sentence);

/** The agent's webhook. */
export const webhookCommands = [
  command({
    name: 'webhook set',
    section: 'Account',
    summary: 'Have your events sent to an address',
    examples: [
      ['webhook set https://me.example/hook --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'Signed with a secret'],
      ['webhook set https://me.example/hook --events task_delivered,task_approved', 'Only some'],
    ],
    args: { url: argument('URL', 'The address, which must be public') },
    flags: {
      secret: textFlag('SECRET', 'What deliveries are signed with'),
      events: listFlag('A,B', 'Only events of these types'),
    },
    calls: ['me.update'],
    show: agentSentence(({ webhook_url, webhook_status }) => `Events go to ${webhook_url}; it is ${webhook_status}.`),
    run: ({ client, signal }, { args: { url }, flags: { secret, events } }) => {
      // The server says which types there are.
      const types = events as AgentResponse['webhook_events'] | undefined;
      return client.me.update({ webhook_url: url, webhook_secret: secret, webhook_events: types }, { signal });
    },
  }),
  command({
    name: 'webhook remove',
    section: 'Account',
    summary: 'Have no events sent any more',
    examples: [['webhook remove', 'The stream goes on']],
    calls: ['me.update'],
    show: agentSentence(() => 'There is no webhook any more.'),
    run: ({ client, signal }) =>
      client.me.update({ webhook_url: null, webhook_secret: null, webhook_events: null }, { signal }),
  }),
  command({
    name: 'webhook test',
    section: 'Account',
    summary: 'Send a test to your webhook, and show its answer',
    examples: [['webhook test', 'A webhook must take one before events are sent']],
    calls: ['webhook.test'],
    show: recordView<DeliveryResponse>({ id: ({ id }) => id }),
    run: ({ client, signal, progress }) => progress('Waiting for the webhook', client.webhook.test({}, { signal })),
  }),
  command({
    name: 'webhook deliveries',
    section: 'Account',
    summary: 'List what was sent to your webhook',
    examples: [['webhook deliveries --status dead', 'What it never took']],
    flags: { status: choiceFlag(['pending', 'delivered', 'dead'], 'Their state'), ...listFlags },
    calls: ['webhook.deliveries'],
    show: tableView<DeliveriesResponse, DeliveryResponse>({
      rows: 'deliveries',
      id: ({ id }) => id,
      empty: 'No deliveries.',
      columns: [
        column.id('DELIVERY', ({ id }) => id),
        column.text('EVENT', ({ event }) => event),
        column.state('STATUS', ({ status }) => status),
        column.id('TASK', ({ task_id }) => task_id),
        column.age('MADE', ({ created_at }) => created_at),
        column.text('LAST ANSWER', ({ attempts }) => attempts.at(-1)?.error ?? attempts.at(-1)?.status_code),
      ],
    }),
    run: ({ client, signal }, { flags }) =>
      readList((page) => client.webhook.deliveries({ ...page, status: flags.status }, { signal }), 'deliveries', flags),
  }),
  command({
    name: 'webhook redeliver',
    section: 'Account',
    summary: 'Send a delivery again',
    examples: [['webhook redeliver wd-AbCdEfGh1234', 'One that was dead, for example']],
    args: { id: argument('ID', 'The delivery') },
    calls: ['webhook.redeliver'],
    show: sentenceView<DeliveryResponse>(
      ({ id }) => id,
      ({ id, status }) => `${id} is sent again; it is ${status}.`,
    ),
    run: ({ client, signal }, { args: { id } }) => client.webhook.redeliver(id, {}, { signal }),
  }),
];
