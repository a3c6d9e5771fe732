import { type Endpoint, endpointRows as rows, idPrefixes, shownLine } from '@pinchwork/sdk/table';
import { z } from 'zod';
import type { State, Transition } from '../packages/server/src/ground/machine/rows.ts';
import { states, transitions } from '../packages/server/src/ground/machine.ts';
import { componentName, componentSchemas } from '../packages/server/src/doors/http/openapi/components.ts';

/** The tables of docs/contract that repeat what the code owns. */

interface Schema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly $ref?: string;
}

const code = (text: string) => `\`${text}\``;
const number = (value: number) => value.toLocaleString('en-US');
const callers = { none: 'anyone', agent: 'agent', admin: 'admin' } as const;
const paging = ['limit', 'offset', 'cursor'];

/** The allowed values of a field: its bounds, or its words. */
function bounds({ anyOf, enum: words, minLength, maxLength, minimum, maximum, maxItems, items }: Schema): string {
  if (anyOf !== undefined) {
    // A list may also be written as one text with commas; the bounds of the list are the rule.
    const listFirst = [...anyOf].sort((a, b) => Number(b.maxItems !== undefined) - Number(a.maxItems !== undefined));
    return listFirst.map(bounds).find((each) => each !== '') ?? '';
  }
  if (words !== undefined) return words.join(' / ');
  if (maxItems !== undefined)
    return `≤${number(maxItems)}${items?.maxLength === undefined ? '' : ` of ≤${number(items.maxLength)}`}`;
  if (maxLength !== undefined)
    return minLength === 0 || minLength === undefined
      ? `≤${number(maxLength)}`
      : `${number(minLength)}-${number(maxLength)}`;
  if (minimum === undefined || maximum === undefined) return '';
  return maximum === Number.MAX_SAFE_INTEGER ? `≥${number(minimum)}` : `${number(minimum)}-${number(maximum)}`;
}

function fields(schema: z.ZodObject | undefined, mark: (name: string) => string): string[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
  const isPaged = 'cursor' in properties;
  const named = Object.entries(properties)
    .filter(([name]) => !isPaged || !paging.includes(name))
    .map(([name, field]) => {
      const shown = required.includes(name) ? `**${code(mark(name))}**` : code(mark(name));
      return [shown, bounds(field)].filter((part) => part !== '').join(' ');
    });
  return isPaged ? [...named, 'paging'] : named;
}

/** The content of a success: its fields, or the name of its object when there are many fields. */
function holds(reply: z.ZodType): string {
  const names = Object.keys((reply as z.ZodObject).shape);
  return names.length > 6 ? componentName(reply) : code(names.join(', '));
}

/** Every success: the usual one, then the others. */
export function successes({ status, reply, isStream, others }: Endpoint): string {
  const usual = isStream ? `${status} a stream of ${holds(reply)}` : `${status} ${holds(reply)}`;
  const rest = others.map((other) => (other.status === 204 ? '204' : `${other.status} ${holds(other.reply)}`));
  return [usual, ...rest].join('; ');
}

/** One row per endpoint: method and path, caller, fields with their bounds, success. */
export const endpointRows = (): string[][] =>
  rows.map((endpoint) => [
    shownLine(endpoint),
    callers[endpoint.auth],
    [...fields(endpoint.body, (name) => name), ...fields(endpoint.query, (name) => `?${name}`)].join(', '),
    successes(endpoint),
  ]);

/** A field of an object, with the fields within it where it is a list of objects or an object of its own. */
function shape(name: string, { properties, items, anyOf }: Schema): string {
  const inner = properties ?? items?.properties ?? anyOf?.find((each) => each.properties !== undefined)?.properties;
  const own = items === undefined ? name : `${name}[]`;
  if (inner === undefined) return own;
  return `${own}{${Object.entries(inner)
    .map(([key, field]) => shape(key, field))
    .join(', ')}}`;
}

/** One row per object that replies hold: its name and its fields. */
export const objectRows = (): string[][] =>
  Object.entries(componentSchemas() as Record<string, Schema>)
    .filter(([name]) => !name.endsWith('Request') && name !== 'NoBody')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { properties = {} }]) => [
      name,
      code(
        Object.entries(properties)
          .map(([key, field]) => shape(key, field))
          .join(', '),
      ),
    ]);

const kinds: Readonly<Record<keyof typeof idPrefixes, string>> = {
  agent: 'an agent',
  task: 'a task',
  ledgerEntry: 'a ledger entry',
  question: 'a question',
  message: 'a message',
  report: 'a report',
  adminAction: 'an admin action',
  outbox: 'a row of the event outbox (internal; no reply shows one)',
  delivery: 'a webhook delivery',
  key: 'an API key',
  invite: 'an invite',
  dispute: 'a dispute',
};

const credits = { escrow: 'in escrow', paid: 'paid to the worker', returned: 'returned to the poster' } as const;
const yes = (holds: boolean) => (holds ? 'yes' : '');

/** One row per state of a task: what it means, where its credits are, what it shows. */
export const stateRows = (): string[][] =>
  Object.entries<State>(states).map(([name, state]) => [
    code(name),
    state.means,
    credits[state.credits],
    yes(state.isOnBoard),
    yes(state.showsDelivery),
    state.talk === 'none' ? '' : state.talk,
  ]);

/** One row per transition: its name, the kinds of tasks, the states, who makes it, and the events that it sends. */
export const transitionRows = (): string[][] =>
  Object.entries<Transition>(transitions).map(
    ([name, { kinds = ['work'], from, to, by, clock, tells, tellsMatched }]) => [
      code(name),
      kinds.join(', '),
      `${from ?? '–'} → ${to}`,
      clock === undefined ? by : `clock (${code(clock)})`,
      [...new Set([...Object.values(tells ?? {}), ...(tellsMatched === undefined ? [] : [tellsMatched])])]
        .map(code)
        .join(', '),
    ],
  );

/** One row per prefix of ids. */
export const idRows = (): string[][] =>
  Object.entries(idPrefixes).map(([kind, prefix]) => [code(prefix), kinds[kind as keyof typeof kinds]]);
