import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { notRun } from './packages/server/test/support/not-run.ts';

const sdk = (file: string) => fileURLToPath(new URL(`packages/sdk/src/${file}`, import.meta.url));
const web = fileURLToPath(new URL('packages/web/src/index.tsx', import.meta.url));

const everyTest = 'packages/*/test/**/*.test.ts';
/** What takes long: kills under load, many servers, browsers, other runtimes. */
const longTests = '**/*.long.test.ts';
/** What is as thorough as it has time: in both projects, and larger in the long one (`test/support/scale.ts`). */
const scaledTests = '**/*.property.test.ts';
/** What looks at every query that is declared must not see those of other tests: it has a process of its own. */
const isolatedTests = '**/storage/plans.test.ts';
/** What starts servers and programs. */
const serverTests = ['**/test/processes/**/*.test.ts', '**/test/commands/**/*.test.ts'];

/**
 * What these tests check depends little on the engine: `npm test` runs them on SQLite, the long tests on PostgreSQL. State
 * machine, ledger, transactions, races, streams, limits and webhooks are tested on both in `npm test`.
 */
const ruleSweeps = [
  '**/test/audit/*.test.ts',
  '**/test/rules/{board,market,matching,reputation,search}/**/*.test.ts',
  '**/test/rules/platform-tasks/{attacks,extraction,verification}.test.ts',
  '**/test/rules/texts/{columns,retention}.test.ts',
  '**/test/jobs/operator-watch.test.ts',
  '**/test/verbs/agents/{deletion,directory,names,profile,stats,tags,trust}.test.ts',
  '**/test/verbs/operator/{invites,lists,overview,redact,reports}.test.ts',
  '**/test/verbs/tasks/{acceptance,cooldown,deliveries,dry-run,lists,page-size,rate}.test.ts',
];
/** The same, but not for `npm run test:quick`: sweeps over endpoints, fields, documents and commands. */
const doorSweeps = [
  'packages/{cli,sdk}/test/**/*.test.ts',
  '**/test/{deploy,docs,support}/**/*.test.ts',
  '**/test/doors/*.test.ts',
  '**/test/doors/{a2a,mcp,pages}/**/*.test.ts',
  // Idempotency is a matter of transactions.
  '**/test/doors/http/!(idempotency).test.ts',
  '**/test/rules/board/*.property.test.ts',
];

const inherited = ['**/node_modules/**'];
const sweeps = [...ruleSweeps, ...doorSweeps];

/** The sweeps that have something to do on PostgreSQL. */
const sweepsOfPostgres = globSync(sweeps, { exclude: ['**/node_modules/**', longTests, scaledTests] }).filter((file) =>
  /import \{[^}]*(onBothEngines|OnPostgres)[^}]*\} from '[^']*engines\.ts'/.test(readFileSync(file, 'utf8')),
);

/** The part of the engines that `ENGINES` chooses (`test/support/chosen.ts`). */
const on = (engine: 'sqlite' | 'postgres') => ({ PINCHWORK_TEST_ENGINES: engine });

export default defineConfig({
  // Tests use the sources of the client and of the pages, not what was last built.
  resolve: {
    alias: [
      { find: /^@pinchwork\/sdk$/, replacement: sdk('index.ts') },
      { find: /^@pinchwork\/sdk\/rows$/, replacement: sdk('client/rows.ts') },
      { find: /^@pinchwork\/web$/, replacement: web },
    ],
  },
  test: {
    reporters: [notRun, ...configDefaults.reporters],
    globalSetup: ['packages/server/test/support/global-setup.ts'],
    setupFiles: ['packages/server/test/support/setup.ts'],
    pool: 'forks',
    // One more than the cores of a small machine, because tests wait for PostgreSQL, servers and clients.
    maxWorkers: 3,
    // To load the server's modules takes longer than most files' tests.
    isolate: false,
    // Nothing takes this long, even on a slow machine that does something else meanwhile: it only ends what hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'short',
          include: [everyTest],
          exclude: [...inherited, longTests, scaledTests, isolatedTests, ...serverTests, ...sweeps],
        },
      },
      {
        extends: true,
        test: {
          name: 'short on SQLite',
          include: ruleSweeps,
          exclude: [...inherited, longTests, scaledTests],
          env: on('sqlite'),
        },
      },
      {
        extends: true,
        test: {
          name: 'short sweeps',
          include: doorSweeps,
          exclude: [...inherited, longTests],
          env: on('sqlite'),
        },
      },
      {
        extends: true,
        test: { name: 'short random', include: [scaledTests], exclude: [...inherited, ...doorSweeps] },
      },
      { extends: true, test: { name: 'short servers', include: serverTests, exclude: [...inherited, longTests] } },
      {
        extends: true,
        test: { name: 'short on SQLite, plans', include: [isolatedTests], isolate: true, env: on('sqlite') },
      },
      {
        extends: true,
        test: { name: 'long', include: [longTests, scaledTests], env: { PINCHWORK_TEST_LONG: 'true' } },
      },
      { extends: true, test: { name: 'long on PostgreSQL', include: sweepsOfPostgres, env: on('postgres') } },
      {
        extends: true,
        test: { name: 'long on PostgreSQL, plans', include: [isolatedTests], isolate: true, env: on('postgres') },
      },
    ],
  },
});
