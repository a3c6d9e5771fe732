import type { ThreadQuery } from '@pinchwork/sdk';
import type { z } from 'zod';
import type { Call } from '../context.ts';
import { counted, countLimit, cutPage, decodeCursor } from '../paging.ts';
import type { Part, Thread } from './queries.ts';

/** A page of what was said about a task, oldest first: all of it, or what concerns the caller alone. */
export async function readThread<Row extends { readonly id: string }>(
  { ctx, agentId }: Call,
  { page: pages, count }: Thread<Row>,
  list: 'questions' | 'messages',
  taskId: string,
  part: Part,
  query: z.output<typeof ThreadQuery>,
): Promise<{ page: Row[]; next_cursor: string | null; total: number; total_capped?: true }> {
  const [after] = decodeCursor(list, query, [''] as const);
  const of = { task_id: taskId, agent: agentId };
  const [rows, total] = await Promise.all([
    ctx.db.all(pages[part], { ...of, after, limit: query.limit + 1, offset: query.offset }),
    ctx.db.first(count[part], { ...of, limit: countLimit }),
  ]);
  return { ...cutPage(list, rows, query.limit, ({ id }) => [id]), ...counted(total!.total) };
}
