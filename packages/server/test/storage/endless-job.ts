/** A job that never ends by itself, as an audit of a very large database seems to. */
export default async function endless(): Promise<never> {
  for (;;) await new Promise(setImmediate);
}
