import type { TaskStatus } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { listed, type Params, perShape, prepared } from '../../storage/prepared.ts';

/**
 * The operator's lists of all agents and all tasks. No index has every order and filter, so that no change of a task
 * pays for one. A list is read in windows, along an index, and filtered window by window (`list-job.ts`).
 */

export type ListOrder = 'newest' | 'oldest' | 'due';

/** The order's value, for `due`, and the id of the last row that was read. */
export type ListKey = readonly [string] | readonly [number, string];

/** The key before the first row. */
export const startOf = (order: ListOrder): ListKey =>
  order === 'newest' ? ['~'] : order === 'oldest' ? [''] : [0, ''];

interface WindowParams extends Params {
  /** For `due`: the time of the last row. */
  at: number;
  id: string;
  reach: number;
}

export interface TaskWindowRow {
  readonly id: string;
  readonly kind: string;
  readonly status: TaskStatus;
  readonly created_at: number;
  readonly due_at: number | null;
  readonly bytes: number;
}

/** The next tasks of a list. Ids sort by time. The list by `due_at` has the open tasks alone. */
export const taskWindow = perShape((order: ListOrder) =>
  prepared(
    `adminTasks ${order}`,
    (db, p: WindowParams) => {
      const all = db
        .selectFrom('tasks')
        .select(['id', 'kind', 'status', 'created_at', 'due_at'])
        .select(sql<number>`octet_length(need) + coalesce(octet_length(context), 0)`.as('bytes'))
        .limit(p.reach);
      if (order === 'newest') return all.where('id', '<', p.id).orderBy('id', 'desc');
      if (order === 'oldest') return all.where('id', '>', p.id).orderBy('id');
      return all
        .where('due_at', 'is not', null)
        .where(sql<boolean>`(due_at, id) > (${p.at}, ${p.id})`)
        .orderBy('due_at')
        .orderBy('id');
    },
    { replan: true },
  ),
);

/** The next agents of a list: all, or the suspended ones. */
export const agentWindow = perShape((shape: `${'newest' | 'oldest'}/${'all' | 'suspended'}`) =>
  prepared(
    `adminAgents ${shape}`,
    (db, p: WindowParams) => {
      const [order, which] = shape.split('/');
      const all = db
        .selectFrom('agents')
        .select(['id', 'folded', 'suspended_at'])
        .$if(which === 'suspended', (query) => query.where('suspended_at', 'is not', null))
        .limit(p.reach);
      return order === 'newest'
        ? all.where('id', '<', p.id).orderBy('id', 'desc')
        : all.where('id', '>', p.id).orderBy('id');
    },
    { replan: true },
  ),
);

/** What the operator sees of agents in a list. */
export const agentsByIds = perShape((count: number) =>
  prepared(`adminAgents${count}ByIds`, (db, p: Params) =>
    db
      .selectFrom('agents')
      .innerJoin('accounts', 'accounts.id', 'agents.id')
      .selectAll('agents')
      .select('accounts.balance')
      .where('agents.id', 'in', listed(p, 'id', count)),
  ),
);

/** When the clock acts next on tasks. */
export const dueByIds = perShape((count: number) =>
  prepared(`dueOf${count}Tasks`, (db, p: Params) =>
    db
      .selectFrom('tasks')
      .select(['tasks.id', 'due_at'])
      .where('tasks.id', 'in', listed(p, 'id', count)),
  ),
);
