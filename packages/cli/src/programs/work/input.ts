import type { WorkTask } from '@pinchwork/sdk';

/** What a command gets of a task: the whole as JSON, and the parts that fit as variables. */

/** Of longer texts the beginning is in the environment: systems bound it. Stdin and the file have all of them. */
const longestVariableBytes = 64 * 1024;

/** The task as JSON, as stdin and the file have it. */
export const taskJson = (task: WorkTask): string => `${JSON.stringify(task, undefined, 2)}\n`;

/** The key and address for commands that call the market themselves. */
interface Access {
  readonly server: string;
  readonly apiKey: string | undefined;
}

/**
 * The environment of a command: that of the program without everything of Pinchwork, whose keys are the agent's, and with
 * the task.
 *
 * @param access given only where the user asks for it
 */
export function environmentOf(
  env: Readonly<Record<string, string | undefined>>,
  task: WorkTask,
  file: string,
  access: Access | undefined,
): Record<string, string> {
  const inherited = Object.entries(env).filter(
    // Windows does not tell names apart by case.
    (entry): entry is [string, string] => entry[1] !== undefined && !/^pinchwork_/i.test(entry[0]),
  );
  const { rejection } = task;
  const variables: Record<string, string | undefined> = {
    PINCHWORK_TASK_ID: task.task_id,
    PINCHWORK_TASK_FILE: file,
    PINCHWORK_NEED: task.need,
    PINCHWORK_TAGS: task.tags.join(','),
    PINCHWORK_MAX_CREDITS: String(task.max_credits),
    PINCHWORK_POSTER_ID: task.poster_id,
    PINCHWORK_CLAIM_NUMBER: String(task.claim_number),
    PINCHWORK_REJECTION_REASON: rejection?.reason,
    PINCHWORK_REJECTION_FEEDBACK: rejection?.feedback ?? undefined,
    PINCHWORK_SERVER: access?.server,
    PINCHWORK_API_KEY: access?.apiKey,
  };
  const cut: string[] = [];
  const set = Object.entries(variables).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const fitting = beginning(value);
    if (fitting.length < value.length) cut.push(name);
    // A variable cannot hold the character that ends it.
    return [[name, fitting.replaceAll('\0', '\ufffd')] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(set),
    ...(cut.length > 0 ? { PINCHWORK_CUT: cut.join(',') } : {}),
  };
}

/** As much of the beginning of a text as a variable may have, cut between characters. */
function beginning(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= longestVariableBytes) return text;
  let end = longestVariableBytes;
  // The second and later bytes of a character begin with the bits 10.
  while (((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end--;
  return bytes.subarray(0, end).toString();
}
