import audit, { atRest } from '../audit/audit.ts';
import type { Reader } from '../storage/database.ts';
import { openSqliteReader } from '../storage/sqlite/reader.ts';

type Checked = Awaited<ReturnType<typeof audit>>['checked'];

/**
 * Audits a database that no server uses.
 *
 * @param where the name of the database for messages.
 * @returns how many rows of each kind were checked.
 * @throws Error with a sentence that names the first violation.
 */
export async function checkBooks(reader: Reader, where: string): Promise<Checked> {
  const { broken, checked } = await audit(reader, atRest());
  const [first] = broken;
  if (first === undefined) return checked;
  throw new Error(`The books in ${where} are not in order: ${first.invariant}: ${first.subject}.`);
}

/** `checkBooks` for a data file. */
export async function checkBooksOf(path: string, where = path): Promise<Checked> {
  const reader = openSqliteReader(path);
  try {
    return await checkBooks(reader, where);
  } finally {
    await reader.close();
  }
}
