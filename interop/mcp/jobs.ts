import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server';
import { type Catalog, type CreatedTask, declareTasks, type TaskState, tasksExtension } from '@pinchwork/sdk/mcp';
import { answersIn, asking, elicitation } from './questions.ts';

/** The kit's tools that begin tasks, and what becomes of these. */

type Given = Readonly<Record<string, unknown>>;
type Run = (given: Given, ctx: ServerContext) => Promise<CallToolResult | CreatedTask> | CallToolResult | CreatedTask;
type State = Pick<TaskState, 'status' | 'result' | 'error' | 'inputRequests'>;

interface Job {
  readonly id: string;
  readonly createdAt: string;
  lastUpdatedAt: string;
  state: State;
}

const now = () => new Date().toISOString();
const text = (said: string): CallToolResult => ({ content: [{ type: 'text', text: said }] });
const done = (result: CallToolResult): State => ({
  status: 'completed',
  result: { resultType: 'complete', ...result },
});
const problem = (code: number, message: string, data?: object) => Object.assign(new Error(message), { code, data });

const jobs = new Map<string, Job>();

function jobOf(id: string): Job {
  const job = jobs.get(id);
  if (job === undefined) throw problem(-32_602, 'Unknown task');
  return job;
}

const isUnderWay = ({ state: { status } }: Job) => status === 'working' || status === 'input_required';

/** Changes a job that has not ended. */
function change(job: Job, state: State): void {
  if (!isUnderWay(job)) return;
  job.state = state;
  job.lastUpdatedAt = now();
}

/** Begins a job. @param then what it does, after the client has been told of it. */
function begin(then: (job: Job) => Promise<void> | void): CreatedTask {
  const at = now();
  const job: Job = { id: randomUUID(), createdAt: at, lastUpdatedAt: at, state: { status: 'working' } };
  jobs.set(job.id, job);
  setImmediate(() => void then(job));
  return { resultType: 'task', ...shown(job), status: 'working' };
}

const shown = ({ id, createdAt, lastUpdatedAt, state }: Job) => ({
  ...{ taskId: id, createdAt, lastUpdatedAt, ttlMs: null, pollIntervalMs: 100 },
  ...state,
});

const declares = ({ mcpReq }: ServerContext) => declareTasks(mcpReq.envelope);

/** A tool that works by tasks only. */
const byTask =
  (run: Run): Run =>
  (given, ctx) => {
    if (declares(ctx)) return run(given, ctx);
    const requiredCapabilities = { extensions: { [tasksExtension]: {} } };
    throw problem(-32_021, 'The client must declare the extension', { requiredCapabilities });
  };

const inquire = (...names: readonly string[]) =>
  begin((job) => {
    const asked = names.map((name) => [randomUUID(), elicitation(`Give ${name}`, name)]);
    change(job, { status: 'input_required', inputRequests: Object.fromEntries(asked) as object });
  });

export const jobRuns: Readonly<Record<string, Run>> = {
  greet: ({ name }) => text(`Hello, ${String(name)}!`),
  slow_compute: async ({ seconds }, ctx) => {
    const work = () => pause(Number(seconds) * 1_000, undefined, { ref: false });
    if (declares(ctx)) return begin((job) => work().then(() => change(job, done(text('Computed')))));
    await work();
    return text('Computed');
  },
  failing_job: byTask(() => begin((job) => change(job, done({ ...text('It has failed'), isError: true })))),
  protocol_error_job: byTask(() =>
    begin((job) => change(job, { status: 'failed', error: { code: -32_603, message: 'It has failed' } })),
  ),
  confirm_delete: byTask(() => inquire('confirm')),
  multi_input: byTask(() => inquire('name', 'confirm')),
  test_tool_with_task: byTask((_, ctx) => {
    const { user_name } = answersIn(ctx) as { user_name?: { content?: { name?: unknown } } };
    if (user_name !== undefined) {
      return begin((job) => change(job, done(text(`Hello, ${String(user_name.content?.name)}!`))));
    }
    return asking({ user_name: elicitation('What is your name?', 'name') });
  }),
};

export const jobTasks: Catalog['tasks'] = {
  get: async (id) => shown(jobOf(id)),
  cancel: async (id) => change(jobOf(id), { status: 'cancelled' }),
  answer: async (id, ctx, responses) => {
    const job = jobOf(id);
    const answered = { ...responses, ...answersIn(ctx) };
    const asked = Object.entries(job.state.inputRequests ?? {});
    const left = asked.filter(([key]) => !Object.hasOwn(answered, key));
    if (left.length === asked.length) return;
    change(
      job,
      left.length === 0
        ? done(text('Thank you'))
        : { status: 'input_required', inputRequests: Object.fromEntries(left) },
    );
  },
};
