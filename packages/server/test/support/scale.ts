/**
 * How large a test is that draws at random or repeats itself: `short` in `npm test`, `long` in `npm run test:long`, and
 * whatever the variable `PINCHWORK_TEST_<name>` says in either.
 */
export function scale(name: string, { short, long }: { readonly short: number; readonly long: number }): number {
  const given = process.env[`PINCHWORK_TEST_${name}`];
  if (given !== undefined) return Number(given);
  return process.env.PINCHWORK_TEST_LONG === 'true' ? long : short;
}
