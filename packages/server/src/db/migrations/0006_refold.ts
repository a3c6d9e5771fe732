import type { Kysely } from 'kysely';
import type { Schema } from '../schema.ts';

const atOnce = 500;

/**
 * Folds what agents say of themselves as the search does from now on. The rule stands here as it was at this step, and
 * is not shared with the program, whose own may change.
 */
export async function refold(db: Kysely<Schema>): Promise<void> {
  for (let after = ''; ;) {
    const agents = await db
      .selectFrom('agents')
      .select(['id', 'folded'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(atOnce)
      .execute();
    for (const { id, folded } of agents) {
      const anew = folded.toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
      if (anew !== folded) await db.updateTable('agents').set({ folded: anew }).where('id', '=', id).execute();
    }
    const last = agents.at(-1);
    if (last === undefined || agents.length < atOnce) return;
    after = last.id;
  }
}
