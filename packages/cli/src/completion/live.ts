import type { CallOptions, Pinchwork } from '@pinchwork/sdk';
import { clientOf } from '../client.ts';
import type { GlobalValues } from '../command/global-flags.ts';
import type { Completes } from '../command/values.ts';
import { readConfig } from '../config/profiles.ts';
import { configPathOf, readSettings } from '../config/settings.ts';
import type { Io } from '../io.ts';
import { safeLine } from '../output/text.ts';
import type { Candidate, Wanted } from './complete.ts';

/** Values that the server knows. Nobody waits for a shell that waits for a server. */
const limitMs = 1_000;
const limit = 50;

/** Others write names and tags: what could mean something to a shell is not offered. */
const harmless = /^[\p{L}\p{N}_.@+-]+$/u;

interface Mine {
  readonly role: 'poster' | 'worker';
  readonly status: 'posted' | 'claimed' | 'delivered';
}

/** The tasks with which a command can do something. */
const tasksOf: Readonly<Record<string, Mine>> = {
  'tasks approve': { role: 'poster', status: 'delivered' },
  'tasks reject': { role: 'poster', status: 'delivered' },
  'tasks cancel': { role: 'poster', status: 'posted' },
  'tasks deliver': { role: 'worker', status: 'claimed' },
  'tasks abandon': { role: 'worker', status: 'claimed' },
  heartbeat: { role: 'worker', status: 'claimed' },
  dispute: { role: 'worker', status: 'claimed' },
};

/** Reads them. @throws whatever is wrong: the caller says nothing of it */
export async function liveCandidates(kind: Completes, wanted: Wanted, io: Io): Promise<Candidate[]> {
  const limit = new AbortController();
  const cancel = io.clock.after(limitMs, () => limit.abort());
  try {
    return await read(kind, wanted, io, { signal: limit.signal, maxRetries: 0 });
  } finally {
    cancel();
  }
}

async function read(kind: Completes, { path, chosen }: Wanted, io: Io, options: CallOptions): Promise<Candidate[]> {
  const flags = chosen as Partial<GlobalValues> as GlobalValues;
  if (kind === 'profile') {
    const { profiles } = await readConfig(configPathOf(io, flags));
    return named(Object.entries(profiles).map(([value, { server = '' }]) => ({ value, about: server })));
  }
  const { server, apiKey } = await readSettings(io, flags);
  const client = clientOf(io, { server, apiKey: apiKey ?? '' });
  if (kind === 'agent') {
    const { agents } = await client.agents.list({ limit }, options);
    return named(agents.map(({ id, name }) => ({ value: id, about: name })));
  }
  if (kind === 'tag') return tagsOf(client, options);
  if (kind !== 'task') return [];
  const { tasks } =
    path === 'tasks pickup'
      ? await client.tasks.available({ limit }, options)
      : await client.tasks.mine({ ...tasksOf[path], limit }, options);
  return named(
    tasks.map((task) => ({
      value: task.task_id,
      about: `${'status' in task ? `${task.status}: ` : ''}${task.need}`,
    })),
  );
}

/** The tags of the agent and of the board, those with most tasks first. */
async function tagsOf(client: Pinchwork, options: CallOptions): Promise<Candidate[]> {
  const [{ tags: own }, { tasks }] = await Promise.all([
    client.me.get({}, options),
    client.tasks.available({ limit: 100 }, options),
  ]);
  const counts = new Map(own.map((tag) => [tag, 0]));
  for (const tag of tasks.flatMap(({ tags }) => tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const sorted = [...counts].sort(([, one], [, other]) => other - one).slice(0, limit);
  return named(sorted.map(([value, count]) => ({ value, about: count === 0 ? 'your tag' : `${count} open` })));
}

const named = (all: Candidate[]): Candidate[] =>
  all
    .filter(({ value }) => harmless.test(value) && !value.startsWith('-'))
    .map(({ value, about }) => ({ value, about: Array.from(safeLine(about)).slice(0, 60).join('') }));
