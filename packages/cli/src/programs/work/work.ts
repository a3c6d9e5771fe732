import type { WorkContext, WorkerOptions, WorkResult, WorkTask } from '@pinchwork/sdk';
import type { Context } from '../../command/row.ts';
import { exitCodes, type ExitCode } from '../../exit-codes.ts';
import { Failure } from '../../failure.ts';
import { rowPrinter } from '../../output/rows.ts';
import { hold } from '../hold.ts';
import { memoryOf, StateFile, stateName } from '../state.ts';
import { execute } from './execute.ts';
import { WorkFolder } from './folder.ts';
import { environmentOf, taskJson } from './input.ts';
import { longestResult } from './longest.ts';
import { newsView } from './news.ts';

/** What the worker is asked for. */
interface WorkFlags extends Pick<WorkerOptions, 'tags' | 'search' | 'concurrency' | 'max' | 'once' | 'retries'> {
  /** Seconds that tasks in hand may take after the first Ctrl-C. */
  readonly finish?: number | undefined;
}

/** What does the tasks. */
type Handler = (task: WorkTask, work: WorkContext) => Promise<WorkResult>;

interface ExecFlags {
  readonly exec: string;
  /** Seconds that one run may take. */
  readonly timeout?: number | undefined;
  readonly retries?: number | undefined;
  readonly 'pass-key'?: boolean | undefined;
}

const defaultRetries = 2;
const defaultFinishSeconds = 60;

/**
 * Works until it is told to end. What it must know to go on is in the state file before the server can give it a task, so
 * that it can be killed at any moment.
 *
 * @param open makes the handler, in the folder of this worker
 */
export async function work(
  context: Context,
  flags: WorkFlags,
  open: (folder: WorkFolder) => Handler,
): Promise<ExitCode> {
  const { client, settings, clock, signal } = context;
  const { id, name: agentName } = await client.me.get({}, { signal });
  const name = stateName(settings, id);
  const state = new StateFile(settings, clock, name);
  const release = await hold({ what: `works for ${id} (${name})`, key: `work ${name}`, path: state.path }, clock);
  const folder = new WorkFolder(settings.configPath, name);
  const write = rowPrinter(context, newsView);
  try {
    await folder.clean();
    const memory = memoryOf(await state.read());
    const left = Object.keys(memory.claims).length;
    const { finish = defaultFinishSeconds } = flags;
    await context.tell(
      `Working as ${agentName} (${id})${left > 0 ? `; goes on with ${left} of an earlier run` : ''}. Ctrl-C ends it.`,
    );
    const tellEnd = () =>
      void context.tell(`Finishing what is in hand, for at most ${finish} s. Ctrl-C again gives it back at once.`);
    signal.addEventListener('abort', tellEnd, { once: true });
    const unread = new AbortController();
    const end = AbortSignal.any([signal, unread.signal]);
    const done = await client.worker({
      handler: open(folder),
      memory,
      signal: end,
      stopSignal: context.secondSignal?.(),
      tags: flags.tags,
      search: flags.search,
      concurrency: flags.concurrency,
      max: flags.max,
      once: flags.once,
      retries: flags.retries ?? defaultRetries,
      finishMs: finish * 1_000,
      remember: ({ approved, credits, ...rest }) =>
        state.change((before) => ({
          ...before,
          lastCheck: new Date(clock.now()).toISOString(),
          tasksCompleted: approved,
          creditsEarned: credits,
          work: rest,
        })),
      onNews: (news) => void write(news).catch((error: unknown) => unread.abort(error)),
    });
    await context.tell(
      `Delivered ${done.delivered}, gave back ${done.abandoned}, lost ${done.lost}; ` +
        `${done.approved} approved for ${done.credits} credits.`,
    );
    if (signal.aborted) return exitCodes.interrupted;
    return done.delivered === 0 && context.globals['exit-status'] === true ? exitCodes.nothing : exitCodes.done;
  } finally {
    await folder.remove();
    await release();
  }
}

/** Does tasks with a command of the user's. */
export function commandHandler(context: Context, flags: ExecFlags, folder: WorkFolder): Handler {
  const { env, cwd, clock, settings } = context;
  const access = flags['pass-key'] === true ? { server: settings.server, apiKey: settings.apiKey } : undefined;
  const { retries = defaultRetries } = flags;
  const runOnce = async (task: WorkTask, signal: AbortSignal) => {
    const json = taskJson(task);
    const file = await folder.open(json);
    try {
      const job = {
        line: flags.exec,
        cwd,
        env: environmentOf(env, task, file.path, access),
        input: json,
        longest: longestResult,
        timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1_000,
        signal,
        onLine: (line: string) => void context.tell(`${task.task_id} | ${line}`),
        onStart: file.started,
      };
      return await execute(job, clock);
    } finally {
      await file.remove();
    }
  };
  return async (task, { signal }) => {
    let given = task;
    for (let attempt = 0; ; attempt++) {
      const outcome = await runOnce(given, signal);
      if (outcome.type === 'done') return outcome.text;
      const reason =
        outcome.type === 'failed'
          ? outcome.reason
          : `printed more than ${longestResult.toLocaleString('en')} characters, the longest result, and was ended`;
      // A shorter result may be what it can give, as one that the server refuses.
      if (outcome.type === 'failed' || attempt >= retries || signal.aborted) {
        throw new Failure(`The command ${reason}`, { code: 'command_failed', exitCode: exitCodes.failed });
      }
      await context.tell(`${task.task_id}: the command ${reason}; it runs again and is told so`);
      given = { ...task, rejection: { reason: `The command ${reason}`, feedback: null } };
    }
  };
}
