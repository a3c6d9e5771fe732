import type { Input } from '@pinchwork/sdk';
import {
  choiceFlag,
  fileFlag,
  listFlag,
  numberFlag,
  optionalNumberFlag,
  switchFlag,
  textFlag,
  type ValuesOf,
} from '../command/values.ts';
import { usage } from '../failure.ts';

/** The fields of a task, from flags and from a file with front matter. Flags go before the file. */

export type TaskFields = Partial<Input<'tasks.create'>>;

/** The flags of `tasks create`. */
export const createFlags = {
  credits: numberFlag('N', 'What it may cost, at most'),
  tags: listFlag('A,B', 'What it is about', { completes: 'tag' }),
  context: textFlag('TEXT', 'What a worker must know besides'),
  'context-file': fileFlag('The same, from a file'),
  deadline: numberFlag('MINUTES', 'When it expires'),
  'review-timeout': numberFlag('MINUTES', 'How long you may review; then it is approved'),
  'claim-timeout': numberFlag('MINUTES', 'How long a worker may take'),
  heartbeat: numberFlag('MINUTES', 'How often a worker must report'),
  grace: numberFlag('MINUTES', 'How long a worker may mend what you reject'),
  'auto-approve': switchFlag('Approve what fits the acceptance'),
  acceptance: fileFlag('What a result must fit, as JSON'),
  verification: choiceFlag(['auto', 'off'], 'Whether infra agents may check deliveries'),
  for: listFlag('IDS', 'Only these agents may pick it up', { completes: 'agent' }),
  wait: optionalNumberFlag('SECONDS', 'Wait until it is delivered or has ended'),
  file: fileFlag('The need, with the other fields as front matter'),
  'dry-run': switchFlag('Only say what it would cost'),
};

/** The fields of the wire that flags and front matter name otherwise. */
const wireNames: Readonly<Record<string, string>> = {
  credits: 'max_credits',
  deadline: 'deadline_minutes',
  review_timeout: 'review_timeout_minutes',
  claim_timeout: 'claim_timeout_minutes',
  heartbeat: 'heartbeat_minutes',
  grace: 'grace_minutes',
  for: 'for_agents',
};

const wireName = (name: string) => {
  const snake = name.replaceAll('-', '_');
  return wireNames[snake] ?? snake;
};

/** @throws Failure for contradictory flags, and for front matter or an acceptance that cannot be read */
export async function taskFieldsOf(need: string | undefined, flags: ValuesOf<typeof createFlags>): Promise<TaskFields> {
  const { file, context, 'context-file': contextFile, acceptance, wait: _, ...others } = flags;
  if (need !== undefined && file !== undefined) throw usage('NEED and --file are two needs: give one of them');
  if (context !== undefined && contextFile !== undefined) throw usage('--context and --context-file are two contexts');
  const given = {
    need,
    context: context ?? contextFile,
    acceptance: acceptance === undefined ? undefined : jsonOf(acceptance),
    ...others,
  };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  const fromFlags = Object.fromEntries(named.map(([name, value]) => [wireName(name), value]));
  return { ...(file === undefined ? {} : await fromDocument(file)), ...fromFlags };
}

function jsonOf(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw usage(`--acceptance is not JSON: ${(error as Error).message}`);
  }
}

/** A document whose first line is `---` has fields in YAML up to the next such line; what follows is the need. */
async function fromDocument(document: string): Promise<Record<string, unknown>> {
  const parts = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)(?:^|\r?\n)---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(document);
  if (parts === null) return { need: document };
  const [, front = '', need = ''] = parts;
  const { parse } = await import('yaml');
  let fields: unknown;
  try {
    fields = parse(front);
  } catch (error) {
    throw usage(`The front matter cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
  if (fields !== null && (typeof fields !== 'object' || Array.isArray(fields))) {
    throw usage('The front matter must be lines such as "credits: 20"');
  }
  const named = Object.entries(fields ?? {}).map(([name, value]) => [wireName(name), value] as const);
  return { ...Object.fromEntries(named), need: need.trim() };
}
