import { expect, it } from 'vitest';
import { textColumns, textFields } from '../../../src/rules/texts/columns.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';

/**
 * The columns of text that may have to do with a task and hold no text that an agent wrote about it. A new column is
 * either here, with the reason, or in `textColumns`.
 */
const others: Readonly<Record<string, string>> = {
  'tasks.kind': 'a word of ours',
  'tasks.status': 'a state',
  'tasks.tags': 'removed by the operator alone',
  'tasks.hints': 'removed by the operator alone',
  'tasks.candidates': 'ids of agents',
  'tasks.barred': 'ids of agents',
  'tasks.texts_removed': 'a word of ours',
  'board_tags.tag': 'a tag of a task on the board, where no redacted task is',
  'offer_tags.tag': 'a tag of a task on the board, where no redacted task is',
  'task_terms.context_key': 'an id that the client of a poster has drawn',
  'task_terms.for_agents': 'ids of agents',
  'board_hints.tag': 'a tag of a task on the board, where no redacted task is',
  'task_terms.verification': 'a word of ours',
  'market_prices.tag': 'a tag of an approved task, which no reply shows',
  'task_transitions.transition': 'a name of ours',
  'task_transitions.from_status': 'a state',
  'task_transitions.to_status': 'a state',
  'events.type': 'a name of ours',
  'events.data': 'emptied by `told_texts`',
  'webhook_deliveries.event': 'a name of ours',
  'webhook_deliveries.data': 'emptied by `told_texts`',
  'webhook_deliveries.status': 'a word of ours',
  'webhook_deliveries.attempts': 'sentences of ours about the receiver',
  'push_configs.name': "the poster's own name of its webhook",
  'push_configs.a2a_version': 'a version',
  'push_configs.url': "the poster's webhook, deleted with its account",
  'push_configs.token': "the poster's secret, deleted with its account",
  'push_configs.auth_scheme': 'a word of HTTP',
  'push_configs.auth_credentials': "the poster's secret, deleted with its account",
  'push_configs.status': 'a word of ours',
  'push_configs.leased_by': 'an id of ours',
  'outbox.type': 'a name of ours',
  'outbox.told_upto': 'the id of an agent',
  'outbox.data': 'ids, numbers and the reason of the operator',
  'ledger_entries.account_id': 'an id',
  'ledger_entries.transfer_id': 'an id',
  'ledger_entries.reason': 'a word of ours, or the reason of a grant',
  'stuck_timers.error': 'an error of ours',
  'system_tasks_posted.kind': 'a word of ours',
  'reports.reason': "stays with the operator: it is the reporter's, about the task",
  'reports.note': "the operator's own",
  'reports.status': 'a word of ours',
  'disputes.status': 'a word of ours',
  'dispute_seats.status': 'a word of ours',
};

/** Every column of text of the tables with a task's id, and of the tasks. */
async function columnsOf(engine: Engine, url: string): Promise<string[]> {
  const statement =
    engine.name === 'SQLite'
      ? `select m.name || '.' || c.name as name, lower(c.type) as type, m.name as tab, c.name as col
         from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table'`
      : `select table_name || '.' || column_name as name, data_type as type, table_name as tab, column_name as col
         from information_schema.columns where table_schema = 'public'`;
  const columns = (await engine.query(url, statement)) as { name: string; type: string; tab: string; col: string }[];
  const about = new Set(columns.filter(({ col }) => col === 'task_id').map(({ tab }) => tab)).add('tasks');
  return columns
    .filter(({ tab, type, col }) => about.has(tab) && type === 'text' && !/^(id|.*_id)$/.test(col))
    .map(({ name }) => name);
}

onBothEngines('the list of columns with texts of a task', (engine) => {
  it('has every column of text that has to do with a task, or a reason why it holds no such text', async () => {
    const listed = textColumns.map(({ table, column }) => `${table}.${column}`);
    const known = new Set([...listed, ...Object.keys(others)]);
    const columns = await columnsOf(engine, await engine.marketUrl());
    expect(columns.filter((column) => !known.has(column))).toEqual([]);
    expect(listed.filter((column) => !columns.includes(column))).toEqual([]);
  });

  it('has the fields of replies that show these columns', () => {
    const shown = textColumns.map(({ table, column }) =>
      table === 'rejected_deliveries' && column !== 'result' ? `rejection_${column}` : column,
    );
    expect(shown.filter((field) => !(field in textFields) && field !== 'verification')).toEqual([]);
  });
});
