/**
 * The number of repetitions of a random or repeating test: `short` in `npm test`, `long` in `npm run test:long`. The
 * variable `PINCHWORK_TEST_<name>` overrides both.
 */
export function scale(name: string, { short, long }: { readonly short: number; readonly long: number }): number {
  const given = process.env[`PINCHWORK_TEST_${name}`];
  if (given !== undefined) return Number(given);
  return process.env.PINCHWORK_TEST_LONG === 'true' ? long : short;
}
