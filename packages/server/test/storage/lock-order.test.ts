import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Tx } from '../../src/storage/database.ts';
import { sqlite } from '../support/engines.ts';
import { deposit } from '../../src/rules/ledger/queries.ts';
import { noteHelper } from '../../src/rules/agents/helpers.ts';
import { endKey, noteUse } from '../../src/rules/agents/key-queries.ts';
import { holdProfile } from '../../src/rules/agents/queries.ts';
import { lockPostedTask, taskById } from '../../src/rules/tasks/queries.ts';
import { keptText } from '../../src/rules/texts/kept.ts';
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

  it('rejects a change of rows that belong to another row, unless that row is locked', async () => {
    const note = (tx: Tx) => tx.run(noteHelper, { id: 'tk-000000000001', helper: 'ag-000000000001', at: 1 });
    const problem = 'changes system_tasks_posted (noteHelper) without the lock of its owner in tasks tk-000000000001';
    expect(await faultsOf(note)).toEqual([expect.stringContaining(problem)]);
    const underLockOf = (id: string) =>
      faultsOf(async (tx) => {
        await expect(keptText(tx, id, 'x')).rejects.toThrow();
        await note(tx);
      });
    expect(await underLockOf('tk-000000000002')).toHaveLength(1);
    expect(await underLockOf('tk-000000000001')).toEqual([]);
  });

  it('rejects a change that does not name the owner, unless some owner is locked', async () => {
    const end = (tx: Tx) => tx.run(endKey, { id: 'ky-000000000001', at: 1 });
    expect(await faultsOf(end)).toHaveLength(1);
    const faults = await faultsOf(async (tx) => {
      await holdAgent(tx, 'ag-000000000001');
      await end(tx);
    });
    expect(faults).toEqual([]);
  });

  it('rejects an exception by a transaction that holds another lock', async () => {
    const use = (tx: Tx) => tx.run(noteUse, { id: 'ky-000000000001', at: 2, before: 1 });
    expect(await faultsOf(use)).toEqual([]);
    const faults = await faultsOf(async (tx) => {
      await pay(tx, 'ag-000000000001');
      await use(tx);
    });
    expect(faults).toHaveLength(1);
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
