import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Tx } from '../../src/storage/database.ts';
import { sqlite } from '../support/engines.ts';
import { deposit } from '../../src/rules/ledger/queries.ts';
import { holdProfile } from '../../src/rules/agents/queries.ts';
import { lockPostedTask, taskById } from '../../src/rules/tasks/queries.ts';
import { lockOrderFaults, ranks } from '../support/lock-order.ts';
import { Market } from '../support/market.ts';

/** The problems that the lock-order check finds in a transaction. */
async function faultsOf(work: (tx: Tx) => Promise<unknown>): Promise<string[]> {
  const { ctx } = await Market.fresh(sqlite);
  await ctx.db.transact('test', (tx) => work(tx));
  return lockOrderFaults.splice(0);
}

const pay = (tx: Tx, id: string) => tx.run(deposit, { id, amount: 1 });
const holdAgent = (tx: Tx, id: string) => tx.first(holdProfile, { id });

describe('the lock-order check', () => {
  it('accepts the order of docs/architecture.md, and rows that are already locked', async () => {
    const faults = await faultsOf(async (tx) => {
      await tx.first(taskById, { id: 'tk-000000000001' });
      for (const id of ['ag-000000000001', 'ag-000000000002', 'ag-000000000001']) await holdAgent(tx, id);
      for (const id of ['ag-000000000001', 'tk-000000000001', 'ag-000000000001']) await pay(tx, id);
    });
    expect(faults).toEqual([]);
  });

  it('rejects two rows of a table that are not locked in the order of their ids', async () => {
    const faults = await faultsOf(async (tx) => {
      for (const id of ['ag-000000000002', 'ag-000000000001']) await pay(tx, id);
    });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('"test" locks accounts ag-000000000001 too late');
  });

  it('rejects a table that is locked after one that comes later in the order', async () => {
    const faults = await faultsOf(async (tx) => {
      await pay(tx, 'ag-000000000001');
      await holdAgent(tx, 'ag-000000000001');
    });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('"test" locks agents ag-000000000001 too late');
  });

  it('accepts a lock that does not wait, at any time', async () => {
    const faults = await faultsOf(async (tx) => {
      await pay(tx, 'ag-000000000001');
      await tx.first(lockPostedTask, { id: 'tk-000000000001' });
    });
    expect(faults).toEqual([]);
  });
});

it('is the order that docs/architecture.md lists', () => {
  const page = readFileSync(new URL('../../../../docs/architecture.md', import.meta.url), 'utf8');
  const [, chapter = ''] = page.split('## Locks on PostgreSQL\n');
  const [list = ''] = chapter.split('Within a step');
  expect([...list.matchAll(/^\d+\. `(\w+)`/gm)].map(([, table]) => table)).toEqual([...ranks]);
});
