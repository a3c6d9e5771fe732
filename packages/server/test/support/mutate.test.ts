import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('every fault of npm run test:mutate fits its file, and there are more than a hundred', () => {
  const main = fileURLToPath(new URL('../../../../mutate/main.ts', import.meta.url));
  const said = execFileSync(process.execPath, [main, '--check'], { encoding: 'utf8' });
  expect(Number(/^(\d+) faults, each fits its file$/m.exec(said)![1])).toBeGreaterThan(100);
});
