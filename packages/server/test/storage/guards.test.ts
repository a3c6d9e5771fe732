import { expect, it } from 'vitest';
import '../../src/compose.ts';
import '../../src/doors/http/app.ts';
import { declaredQueries } from '../../src/storage/prepared.ts';
import { looks, unlisted } from '../support/guards.ts';

// Queries per shape are declared when they are used; storage/plans.test.ts asks for them.
it('each statement that changes rows and looks at others has a reason why it may', () => {
  expect(unlisted(declaredQueries())).toEqual([]);
  const names = new Set([...declaredQueries()].map(({ name }) => name));
  expect(Object.keys(looks).filter((name) => !names.has(name))).toEqual([]);
});
