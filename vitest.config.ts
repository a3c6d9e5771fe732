import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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

const inherited = ['**/node_modules/**'];

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
        // `npm run test:quick`, on SQLite.
        test: {
          name: 'short',
          include: [everyTest],
          exclude: [...inherited, longTests, scaledTests, isolatedTests, ...serverTests],
        },
      },
      { extends: true, test: { name: 'short random', include: [scaledTests] } },
      { extends: true, test: { name: 'short servers', include: serverTests, exclude: [...inherited, longTests] } },
      { extends: true, test: { name: 'short isolated', include: [isolatedTests], isolate: true } },
      {
        extends: true,
        test: { name: 'long', include: [longTests, scaledTests], env: { PINCHWORK_TEST_LONG: 'true' } },
      },
    ],
  },
});
