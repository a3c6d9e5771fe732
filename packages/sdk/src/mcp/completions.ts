import type { CompleteRequest } from '@modelcontextprotocol/server';
import type { MyTasksResponse, TaskResponse } from '../replies/index.ts';

/** What clients may complete: an argument of a prompt, or of a resource's address. */
type Wanted = Pick<CompleteRequest['params'], 'ref' | 'argument'>;

/** The tasks that an argument means. Undefined: it means no task. */
function tasksFor({ ref, argument: { name } }: Wanted): ((task: TaskResponse) => boolean) | undefined {
  if (ref.type === 'ref/resource') return ref.uri === 'task://{id}' && name === 'id' ? () => true : undefined;
  return ref.name === 'review' && name === 'task_id' ? ({ status }) => status === 'delivered' : undefined;
}

/** Whether a completion lists the agent's tasks, which counts as that call. */
export function completesTasks(params: unknown): boolean {
  const { ref, argument } = (params ?? {}) as { [Name in keyof Wanted]?: Wanted[Name] | null };
  if (typeof ref !== 'object' || typeof argument !== 'object') return false;
  return ref !== null && argument !== null && tasksFor({ ref, argument }) !== undefined;
}

/**
 * The values that begin with what has been typed: ids of tasks.
 *
 * @param list lists the newest tasks of the agent.
 */
export async function completionsOf(wanted: Wanted, list: () => Promise<MyTasksResponse>): Promise<readonly string[]> {
  const isMeant = tasksFor(wanted);
  if (isMeant === undefined) return [];
  const { tasks } = await list();
  return tasks
    .filter((task) => isMeant(task) && task.task_id.startsWith(wanted.argument.value))
    .map(({ task_id }) => task_id);
}
