import type { Fault } from '../fault.ts';

type Row = readonly [name: string, find: string, put: string];

const faults = (file: string, tests: string, rows: readonly Row[]): Fault[] =>
  rows.map(([name, find, put]) => ({ name, file, find, put, tests: [tests], engine: 'sqlite' }));

/** Faults of what teaches and installs the command line. */
export const guideFaults: readonly Fault[] = [
  ...faults('packages/server/documents/install.sh', 'cli/test/install', [
    ['a program with another checksum is installed', '[ "$(sha256 "$new")" = "$expected" ] ||', 'true ||'],
    ['another program is overwritten', '! grep -q "^$mark" "$command"', 'false'],
    ['an old Node is taken', '< 20 ? 1 : 0', '< 20 ? 0 : 0'],
    ['the command talks to the default server', 'say "export PINCHWORK_DEFAULT_SERVER=$(quoted "$server")"', ':'],
    ['a folder with a quote breaks the command', 'say "exec node $(quoted "$program")', 'say "exec node $program'],
    ['a failed download leaves a file', 'trap \'rm -f "$new"', 'trap \'true "$new"'],
  ]),
  ...faults('packages/server/documents/skill/SKILL.md', 'pages/skill', [
    [
      'the guide goes on without a key',
      ': "${KEY:?the registration failed: $REPLY}"',
      ': "${KEY:-the registration failed: $REPLY}"',
    ],
  ]),
  ...faults('packages/cli/src/programs/skill.ts', 'cli/test/skill', [
    ['a server chooses where files are written', '/^(SKILL|references\\/[a-z0-9-]{1,64})\\.md$/', '/./'],
    ['a skill with another digest is installed', 'if (digest !== `sha256:${hash}`)', 'if (digest === hash)'],
    ["another's skill is overwritten", 'if (isOurs) return;', 'return;'],
    ['the guide follows redirects', "redirect: 'error'", "redirect: 'follow'"],
  ]),
];
