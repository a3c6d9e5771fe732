import { type ClientRow, rows } from '@pinchwork/sdk/rows';
import type { AnyCommand } from '../command/row.ts';
import type { Completes } from '../command/values.ts';

/** The server's hints name requests (`POST /v1/tasks/{id}/deliver`). Here they name the commands that send them. */

const requests = /\b(GET|POST|PATCH|PUT|DELETE) (\/v1\/[\w/{}-]*[\w}])(\?[\w=&-]+)?/g;

/** The ids on the command line that failed, by what they are ids of. */
export type KnownIds = Readonly<Partial<Record<Completes, string>>>;

/** A hint with commands in place of requests. What has no command of its own is sent with `pinchwork api`. */
export const withCommands = (hint: string, commands: readonly AnyCommand[], known: KnownIds): string =>
  hint.replace(requests, (_, method: string, path: string, query: string | undefined) => {
    const asked = new URLSearchParams(query);
    const row = rowOf(method, path);
    const command = row === undefined ? undefined : commandOf(row.call, commands, asked);
    if (row === undefined || command === undefined) return `"pinchwork api ${method} ${path}${query ?? ''}"`;
    return `"pinchwork ${[command.name, ...argumentsOf(command, idsIn(row, path), known), ...flagsOf(command, asked)].join(' ')}"`;
  });

const isId = (segment: string) => segment.startsWith(':');

/** The endpoint of a request. The one with the fewest ids in its path: `/v1/tasks/mine` is no task. */
function rowOf(method: string, path: string): ClientRow | undefined {
  const given = path.split('/');
  const idCount = ({ path }: ClientRow) => path.split('/').filter(isId).length;
  return rows
    .filter((row) => {
      const segments = row.path.split('/');
      const fits = (segment: string, i: number) => isId(segment) || segment === given[i];
      return row.method === method && segments.length === given.length && segments.every(fits);
    })
    .sort((a, b) => idCount(a) - idCount(b))[0];
}

/** The ids in a path; undefined for each that is only named (`{id}`). */
const idsIn = (row: ClientRow, path: string): (string | undefined)[] =>
  path
    .split('/')
    .filter((_, i) => isId(row.path.split('/')[i] ?? ''))
    .map((id) => (id.startsWith('{') ? undefined : id));

/** The one command that is for a call of the client; undefined if it is none, or nobody knows which. */
function commandOf(call: string, commands: readonly AnyCommand[], query: URLSearchParams): AnyCommand | undefined {
  const all = commands.filter(({ calls, name }) => calls.includes(call) && (name === 'wait') === query.has('wait'));
  // Programs, and what one does at first, call much besides.
  const own = all.filter(({ section }) => section !== 'Programs' && section !== 'Start');
  const rank = ({ calls }: AnyCommand) => (calls.length === 1 ? 0 : calls[0] === call ? 1 : 2);
  const ranked = (own.length > 0 ? own : all).sort((a, b) => rank(a) - rank(b));
  const [best, second] = ranked;
  return best !== undefined && (second === undefined || rank(best) < rank(second)) ? best : undefined;
}

function argumentsOf(command: AnyCommand, ids: readonly (string | undefined)[], known: KnownIds): string[] {
  return Object.values(command.args).flatMap(({ shown, isRequired, completes }, i) => {
    const id = ids[i] ?? (completes === undefined ? undefined : known[completes]);
    return isRequired || i < ids.length ? [id ?? shown] : [];
  });
}

const flagsOf = ({ flags }: AnyCommand, query: URLSearchParams): string[] =>
  [...query].flatMap(([name, value]) => (flags[name] === undefined ? [] : [`--${name} ${value}`]));
