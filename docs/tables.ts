import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  documentRows,
  type Endpoint,
  endpointRows,
  errorCodes,
  limitNames,
  replyHeaders,
  shownLine,
  shownPath,
} from '@pinchwork/sdk/table';
import { errorExample, reference } from '@pinchwork/sdk/reference';
import type { z } from 'zod';
import { settings } from '../packages/server/src/ground/settings.ts';
import { eventTable, inputLimits } from '../packages/server/src/doors/pages/values.ts';
import { statusOf } from '../packages/server/src/doors/http/errors.ts';
import {
  endpointRows as contractEndpoints,
  idRows,
  objectRows,
  stateRows,
  successes,
  transitionRows,
} from './contract-tables.ts';
import { commandRows, globalFlagRows, originalRows } from './cli-tables.ts';
import { otherPermissions, permissionTables } from './permission-tables.ts';

/**
 * The tables of the documentation that are generated from the code. `npm run docs` rewrites them; a test fails when a
 * page and the code differ.
 */
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const code = (text: string) => `\`${text}\``;

const callers = { none: 'anyone', agent: 'agent', admin: 'admin' } as const;

/** The fields of a request; required fields are bold. */
function fieldsOf({ body, query }: Endpoint): string {
  const inBody = Object.entries((body?.shape ?? {}) as Record<string, z.ZodType>).map(([name, field]) =>
    field.safeParse(undefined).success ? code(name) : `**${code(name)}**`,
  );
  const inQuery = Object.keys(query?.shape ?? {});
  const paging = ['limit', 'offset', 'cursor'];
  const isPaged = inQuery.includes('cursor');
  const filters = inQuery.filter((name) => !isPaged || !paging.includes(name)).map((name) => code(`?${name}`));
  return [...inBody, ...filters, ...(isPaged ? ['paging'] : [])].join(', ');
}

const endpointCells = () =>
  endpointRows.map((endpoint) => [
    shownLine(endpoint),
    callers[endpoint.auth],
    reference[endpoint.name].summary,
    fieldsOf(endpoint),
    successes(endpoint),
  ]);

const countedBy = (name: string) => {
  const those = endpointRows.filter(({ limit }) => limit === name);
  if (name === 'read') return 'every other GET, and requests without a valid key';
  if (name === 'write') return 'every other POST and PATCH';
  return name === 'admin' ? 'everything with the admin key' : those.map((each) => code(shownLine(each))).join(', ');
};

const tables: Readonly<Record<string, () => string>> = {
  settings: () =>
    table(
      ['Variable', 'Default', 'Meaning'],
      Object.entries(settings).map(([name, { default: value, meaning }]) => [
        `PINCHWORK_${name}`,
        value === '' ? '–' : value,
        meaning,
      ]),
    ),
  endpoints: () => table(['Method and path', 'Who', 'What for', 'Takes', 'Answers'], endpointCells()),
  documents: () =>
    table(
      ['Path', 'What'],
      documentRows.map(({ path, description }) => [shownPath(path), description]),
    ),
  'input limits': inputLimits,
  'rate limits': () =>
    table(
      ['Limit', 'Default', 'Counts'],
      limitNames.map((name) => [
        code(`RATE_LIMIT_${name.toUpperCase()}`),
        settings[`RATE_LIMIT_${name.toUpperCase() as Uppercase<typeof name>}`].default,
        countedBy(name),
      ]),
    ),
  errors: () =>
    table(
      ['Status', 'Code', 'For example'],
      errorCodes.map((name) => [String(statusOf[name]), code(name), errorExample(name).error]),
    ),
  'contract endpoints': () => table(['Method and path', 'Who', 'Body or query', 'Success'], contractEndpoints()),
  'reply objects': () => table(['Object', 'Fields'], objectRows()),
  ids: () => table(['Prefix', 'Names'], idRows()),
  states: () => table(['State', 'Meaning', 'Credits', 'On the board', 'Shows the delivery', 'Talk'], stateRows()),
  transitions: () => table(['Transition', 'Kinds of tasks', 'From → to', 'Who', 'Events'], transitionRows()),
  'permissions about no task': () => table(otherPermissions().head, otherPermissions().rows),
  'permissions about a task': () =>
    permissionTables()
      .map(({ head, rows }) => table(head, rows))
      .join('\n\n'),
  commands: () => table(['Command', 'Flags', 'What it does'], commandRows()),
  'global flags': () => table(['Flag', 'Meaning'], globalFlagRows()),
  'original commands': () => table(['The original', 'Here', 'Flags that are new'], originalRows()),
  events: eventTable,
  headers: () =>
    table(
      ['Header', 'What'],
      Object.entries(replyHeaders).map(([name, { description }]) => [code(name), description]),
    ),
};

/**
 * Rewrites the tables of a page between their marks.
 *
 * @throws Error for a mark that names no table.
 */
export function withTables(page: string): string {
  return page.replace(
    /(<!-- table: (.+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const write = tables[name];
      if (write === undefined) throw new Error(`There is no table "${name}"`);
      return `${begin}\n${write()}\n\n${end}`;
    },
  );
}

const root = new URL('../', import.meta.url);
const contract = readdirSync(new URL('docs/contract/', root)).map((name) => `docs/contract/${name}`);

/** The pages that have such tables. */
export const pages = ['README.md', 'docs/api.md', 'docs/cli.md', 'docs/permissions.md', ...contract.toSorted()]
  .map((name) => new URL(name, root))
  .filter((page) => readFileSync(page, 'utf8').includes('<!-- table: '));

if (import.meta.main) for (const page of pages) writeFileSync(page, withTables(readFileSync(page, 'utf8')));
