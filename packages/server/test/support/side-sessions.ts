import pg from 'pg';

/**
 * Sessions in which tests look into PostgreSQL databases beside their markets. To open one costs PostgreSQL 10 ms of
 * processor time, ten times as much as what most are used for, so they stay open until the test file ends.
 */

/** The name of the tests' own sessions, by which `engines.ts` tells them from sessions that a test has left open. */
export const ownSessions = 'pinchwork tests';

/** Fewer than a process may have open at the same time as all others, with 200 sessions in all. */
const mostIdle = 8;

interface Side {
  readonly client: Promise<pg.Client>;
  /** How many use it now. */
  users: number;
}

const sides = new Map<string, Side>();

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: ownSessions });
  const forget = () => void sides.delete(url);
  // A test may end it, or the server.
  client.on('error', forget).on('end', forget);
  await client.connect();
  return client;
}

/** Runs `work` in a session of the database beside its market. */
export async function inSideSession<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const side = sides.get(url) ?? { client: connect(url), users: 0 };
  sides.set(url, side);
  side.users++;
  try {
    return await work(await side.client);
  } catch (error) {
    // It may be in any state.
    sides.delete(url);
    side.client.then((client) => client.end()).catch(() => undefined);
    throw error;
  } finally {
    side.users--;
    await closeSurplus();
  }
}

async function closeSurplus(): Promise<void> {
  for (const [url, { users }] of sides) {
    if (sides.size <= mostIdle) return;
    if (users === 0) await closeSide(url);
  }
}

/** Ends the session of a database, which is not to be used again. */
export async function closeSide(url: string): Promise<void> {
  const side = sides.get(url);
  sides.delete(url);
  await side?.client.then((client) => client.end()).catch(() => undefined);
}

/** Ends all. A test file does so when it ends. */
export async function closeAllSides(): Promise<void> {
  await Promise.all([...sides.keys()].map(closeSide));
}
