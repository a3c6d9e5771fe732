import { existsSync, readdirSync, readFileSync } from 'node:fs';
import {
  type Endpoint,
  endpoints,
  errorCodes,
  type EventRule,
  events,
  documents,
  idPrefixes,
  taskStatuses,
} from '@pinchwork/sdk/table';
import * as sdk from '@pinchwork/sdk/table';
import { tools } from '@pinchwork/sdk/mcp';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/doors/http/errors.ts';
import type { Transition } from '../../src/ground/machine/rows.ts';
import { transitions } from '../../src/ground/machine.ts';
import { settings } from '../../src/ground/settings.ts';

const root = new URL('../../../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const mark = '**[new]**';

/** The pages of the contract by section: `1` to `15` and `3a`. */
const sections = new Map(
  readdirSync(new URL('docs/contract/', root)).map((name) => [
    /^0?(\d+a?)-/.exec(name)![1]!,
    read(`docs/contract/${name}`),
  ]),
);
const section = (number: string) => sections.get(number)!;

const cellsOf = (row: string) =>
  row
    .replace(/^\| | \|$/g, '')
    .split(/(?<!\\) ?\| ?/)
    .map((cell) => cell.trim());
const rowsOf = (page: string) => page.match(/^\| .* \|$/gm)!.map(cellsOf);

/** The rows of a page that are marked as not built, without the mark. */
const marked = (page: string) =>
  rowsOf(page)
    .filter(([first]) => first!.includes(mark))
    .map(([first, ...rest]) => [first!.replaceAll(mark, '').replaceAll('`', '').trim(), ...rest]);

/** The rows of the table whose second column has the heading `head`. */
function under(page: string, head: string): string[][] {
  const [, after] = page.split(` ${head} |\n`);
  expect(after, head).toBeDefined();
  return rowsOf(after!.slice(0, after!.search(/\n(?!\|)/) + 1)).filter(([first]) => !first!.startsWith('---'));
}

const namesIn = (cell: string) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
const lineOf = ({ method, path }: Endpoint) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`;
const byLine = new Map(Object.values<Endpoint>(endpoints).map((endpoint) => [lineOf(endpoint), endpoint]));

/** The rows of the tables of fields that are marked as not built: an endpoint or an object, and the names of its fields. */
const fieldsMarked = (text: string): [string, string[]][] =>
  text.includes(` Fields ${mark} |\n`)
    ? under(text, `Fields ${mark}`).map(([subject, cell]) => [subject!, namesIn(cell!)])
    : [];

describe('the contract marks as [new] only what the code does not have', () => {
  const missing = (names: readonly string[], existing: readonly string[]) => {
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => existing.includes(name))).toEqual([]);
  };

  it('endpoints', () => {
    const lines = marked(section('2')).map(([line]) => line!);
    expect(lines.every((line) => /^(GET|POST|PATCH|DELETE) \/v1\//.test(line))).toBe(true);
    expect(lines.filter((line) => byLine.has(line))).toEqual([]);
  });

  it('error codes, settings and types of events', () => {
    const codes = rowsOf(section('1')).flatMap(([, cell = '']) => (cell.includes(mark) ? namesIn(cell) : []));
    const names = marked(section('11')).map(([name]) => name!.replace(/^PINCHWORK_/, ''));
    const types = marked(section('8')).map(([type]) => type!);
    const built: readonly string[] = [...errorCodes, ...Object.keys(settings), ...Object.keys(events)];
    expect([...codes, ...names, ...types].filter((name) => built.includes(name))).toEqual([]);
  });

  it('fields of requests and replies', () => {
    const [requests = '', replies = ''] = section('2').split('## Objects in replies');
    const ofRequests = fieldsMarked(requests).flatMap(([line, names]) => {
      const { body, query } = byLine.get(line)!;
      return names.filter((name) => name in { ...body?.shape, ...query?.shape });
    });
    const ofReplies = fieldsMarked(replies).flatMap(([object, names]) => {
      const schema = (sdk as unknown as Record<string, { shape: object }>)[object]!;
      return names.filter((name) => name in schema.shape);
    });
    expect([...ofRequests, ...ofReplies]).toEqual([]);
  });

  it('pages', () => {
    const pages = marked(section('15')).map(([path]) => path!);
    missing(
      pages,
      Object.values(documents).map(({ path }) => path.replace(/:(\w+)/g, '{$1}')),
    );
  });

  it('prefixes of ids', () => {
    const prefixes = marked(section('1'))
      .map(([first]) => first!)
      .filter((text) => text.endsWith('-'));
    missing(prefixes, Object.values(idPrefixes));
  });

  it('states', () => {
    const [, built = ''] = /^(`posted → .*)$/m.exec(section('3'))!;
    const statesIn = (text: string) =>
      new Set([...text.matchAll(/`([^`]*)`/g)].flatMap(([, way]) => way!.split(' → ')));
    expect([...statesIn(built)].sort()).toEqual(taskStatuses.toSorted());
  });
});

describe('the contract names only', () => {
  // The command line has variables and errors of its own.
  const all = [...sections].flatMap(([number, page]) => (number === '12' ? [] : [page])).join('\n');
  const found = (pattern: RegExp, least: number) => {
    const names = [...new Set([...all.matchAll(pattern)].map(([, name]) => name!))];
    expect(names.length).toBeGreaterThan(least);
    return names;
  };

  it('settings that exist', () => {
    const names = found(/`(?:PINCHWORK_)?([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=\w+)?`/g, 25);
    expect(names.filter((name) => !(name in settings))).toEqual([]);
  });

  it('error codes that exist, with the status that they have', () => {
    const said = found(/(?<![-≤,\d])([45]\d\d,? (?:code )?(?:`[a-z]+_[a-z_]+`(?:, | and )?)+)/g, 6).flatMap((text) =>
      namesIn(text).map((code) => `${text.slice(0, 3)} ${code}`),
    );
    const known = Object.entries(statusOf).map(([code, status]) => `${status} ${code}`);
    expect(said.filter((each) => !known.includes(each))).toEqual([]);
  });

  it('types of events that exist, where it says who is told', () => {
    const told = found(
      /\b(?:told|sent|gets?|get|To)\b[^.`|]*\(?`((?:task|dispute|heartbeat|key|claim|rejection)_\w+)`/g,
      4,
    );
    expect(told.filter((type) => !(type in events))).toEqual([]);
  });
});

it('the table of actions has every change of state that agents, the operator and the clock make, and no other', () => {
  const actions = section('3');
  const people = { poster: 'its poster', worker: 'its worker', stranger: 'any agent but the poster' } as const;
  const told = under(actions, 'Who | Otherwise').flatMap(([, change, who]) => {
    const [, from = '', to = ''] = /^(\w+(?:, \w+)*) → (\w+)/.exec(change!)!;
    return from.split(', ').map((each) => `${each} → ${to}: ${/^[^,;]*/.exec(who!)![0]}`);
  });
  const made = Object.values<Transition>(transitions)
    // What the platform does with its own tasks is in the other table.
    .filter(({ by, from, kinds = ['work'] }) => from !== null && (by !== 'platform' || kinds.includes('work')))
    .map(({ from, to, by }) => `${from} → ${to}: ${by in people ? people[by as keyof typeof people] : by}`);
  expect([...new Set(told)].sort()).toEqual([...new Set(made)].sort());
});

it('the table of aliases is that of the code', () => {
  const told = under(section('1'), 'Field | Where').flatMap(([words, field]) =>
    words!
      .replaceAll('`', '')
      .split(', ')
      .map((word) => `${word} → ${namesIn(field!)[0]}`),
  );
  const known = Object.values<Endpoint>(endpoints).flatMap(({ aliases }) =>
    Object.entries(aliases).map(([word, field]) => `${word} → ${field}`),
  );
  expect(told.sort()).toEqual([...new Set(known)].sort());
});

it('the table of events names the recipients that the state machine defines', () => {
  const said = (type: string) => (events as Record<string, EventRule>)[type]!.to;
  for (const [name, { tells = {}, tellsMatched }] of Object.entries<Transition>(transitions)) {
    if (tells.poster !== undefined) expect(said(tells.poster), name).toContain('poster');
    if (tells.worker !== undefined) expect(said(tells.worker), name).toContain('worker');
    if (tellsMatched !== undefined) expect(said(tellsMatched), name).toMatch(/matched (and chosen )?agents/);
  }
});

/** Every source and document that may cite the contract or a decision. */
function citing(): [string, string][] {
  const folders = ['packages', 'bench', 'examples', 'docs', 'deploy', 'mutate', '.ci'];
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'compose.yaml', ...files]
    .filter((name) => /(\.(ts|md|js|html|css|yaml|conf)|^\.ci\/\w+)$/.test(name) && !name.includes('node_modules'))
    .map((name) => [name, read(name).replace(/\n\s*(\*|\/\/)? ?/g, ' ')]);
}

describe('citations', () => {
  const pages = citing();
  const citation = /(\S+) sections? (\d+a?(?:(?:, | and )\d+a?)*)(?:, "([^"]+)")?/g;

  it('"contract section N" names a section that exists, and a heading within it that exists', () => {
    let count = 0;
    for (const [name, text] of pages) {
      for (const [whole, word, numbers, heading] of text.matchAll(citation)) {
        if (!/contract$/i.test(word!)) continue;
        count += 1;
        for (const number of numbers!.split(/, | and /)) {
          expect([...sections.keys()], `${name}: ${whole}`).toContain(number);
          if (heading === undefined) continue;
          expect(section(number), `${name}: ${whole}`).toMatch(new RegExp(`(^#+ |^\\*\\*)${heading}`, 'm'));
        }
      }
    }
    expect(count).toBeGreaterThan(40);
  });

  it('a citation of a section of another document names that document', () => {
    for (const [name, text] of pages) {
      if (name.startsWith('docs/contract')) continue;
      for (const [whole] of text.matchAll(/(?:\S+ ){0,3}\S*\bsections? \d+a?/gi)) {
        expect(whole, name).toMatch(/\bcontract sections? |\b(UAX|RFC|WHATWG) [\w., ]*section /i);
      }
    }
  });

  it('a cited decision exists', () => {
    const decisions = readdirSync(new URL('docs/decisions/', root)).map((name) => name.slice(0, 4));
    let count = 0;
    for (const [name, text] of pages) {
      for (const [whole, number] of text.matchAll(/decisions?[ /](\d{4})\b/g)) {
        count += 1;
        expect(decisions, `${name}: ${whole}`).toContain(number);
      }
    }
    expect(count).toBeGreaterThan(10);
  });
});

describe('docs/interop.md', () => {
  const page = read('docs/interop.md');

  it('maps tools and methods to endpoints that exist', () => {
    const lines = [...page.matchAll(/\b(?:GET|POST|PATCH|DELETE) \/v1\/[\w/{}]*/g)].map(([line]) => line);
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.filter((line) => !byLine.has(line))).toEqual([]);
  });

  it('lists each tool with the endpoints that it calls and what clients are told of it', () => {
    const rows = rowsOf(page).filter(([name]) => /^`pinchwork_\w+`$/.test(name!));
    const listed = rows.map(([name, lines, hints]) => [
      name!.replaceAll('`', ''),
      lines!.split(', ').sort(),
      [...(hints ?? '').matchAll(/`(\w+)`/g)].map(([, hint]) => hint),
    ]);
    const built = tools.map(({ name, rows: called, annotations, isRead }) => [
      name,
      called.map((row) => sdk.shownLine(sdk.endpoints[row])).sort(),
      isRead ? ['readOnlyHint'] : (['destructiveHint', 'idempotentHint'] as const).filter((hint) => annotations[hint]),
    ]);
    expect(listed).toEqual(built);
  });
});

describe('docs/glossary.md', () => {
  it('gives each term one meaning', () => {
    const terms = rowsOf(read('docs/glossary.md')).map(([term]) => term!);
    const defined = terms.filter((term) => term !== 'Term' && !term.startsWith('---'));
    expect(defined.length).toBeGreaterThan(60);
    expect(defined).toEqual([...new Set(defined)]);
  });
});

describe('CONTRIBUTING.md', () => {
  const short = { 'sdk/': 'packages/sdk/src/', 'server/': 'packages/server/src/' };

  it('names files and folders that exist', () => {
    const paths = [...read('CONTRIBUTING.md').matchAll(/`((?:sdk|server|packages|docs)\/[\w./-]*)`/g)].map(([, path]) =>
      Object.entries(short).reduce((full, [name, folder]) => full!.replace(new RegExp(`^${name}`), folder), path),
    );
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.filter((path) => !existsSync(new URL(path!, root)))).toEqual([]);
  });
});

describe('decisions', () => {
  const names = readdirSync(new URL('docs/decisions/', root));

  it('have unique numbers', () => {
    const numbers = names.map((name) => name.slice(0, 4));
    expect(numbers).toEqual([...new Set(numbers)]);
  });

  it.each(names)('%s begins with its number and the decision, in lines under 120 characters', (name) => {
    const lines = read(`docs/decisions/${name}`).split('\n');
    expect(lines[0]).toMatch(new RegExp(`^# ${name.slice(0, 4)} \\S+ \\S+ `));
    expect(lines.filter((line) => line.length >= 120)).toEqual([]);
  });
});

describe('documents', () => {
  const anchorOf = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
  const anchorsOf = (text: string) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
  const names = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];

  it.each(names)('%s has no broken links', (name) => {
    for (const [, link] of read(name).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [path, anchor] = link!.split('#');
      const target = new URL(path === '' ? name : path!, path === '' ? root : new URL(name, root));
      expect(() => readdirSync(new URL('.', target)), `${name}: ${link!}`).not.toThrow();
      if (target.pathname.endsWith('.md')) {
        const text = readFileSync(target, 'utf8');
        if (anchor !== undefined) expect(anchorsOf(text), `${name}: ${link!}`).toContain(anchor);
      } else if (!target.pathname.endsWith('/')) {
        expect(readdirSync(new URL('.', target)), `${name}: ${link!}`).toContain(target.pathname.split('/').at(-1));
      }
    }
  });
});
