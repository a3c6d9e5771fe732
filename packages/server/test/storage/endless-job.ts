/** A job that never ends, like an audit of a very large database. */
export default async function endless(): Promise<never> {
  for (;;) await new Promise(setImmediate);
}
