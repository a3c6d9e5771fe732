import { sql } from 'kysely';
import { storedTexts } from '../../ground/stored.ts';
import type { Tx } from '../../storage/database.ts';
import { listed, listParams, type Params, perShape, prepared } from '../../storage/prepared.ts';
import { tagParams } from '../../storage/tags.ts';

/**
 * The capability tags of an agent (contract section 6): those that it set itself, else those extracted from its
 * `good_at`. Both lists stand in its row; the rows of `agent_tags` with `is_capability` are the ones that count. The
 * caller of each function must already hold a lock on the agent's row.
 */

interface Lists {
  readonly own_tags: string | null;
  readonly extracted_tags: string;
}

/** The capability tags of an agent, as it wrote them or as they were extracted. */
export const capabilitiesOf = ({ own_tags, extracted_tags }: Lists): string[] =>
  storedTexts(own_tags ?? extracted_tags);

/** Tags that are only capabilities: the agent has neither completed a task nor been rated under them. */
const deleteMereCapabilities = prepared('deleteMereCapabilities', (db, p: { agent: string }) =>
  db
    .deleteFrom('agent_tags')
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1))
    .where(sql`tasks_completed + rating_count`, '=', 0),
);

const clearCapabilities = prepared('clearCapabilities', (db, p: { agent: string }) =>
  db
    .updateTable('agent_tags')
    .set({ is_capability: 0 })
    .where('agent_id', '=', p.agent)
    .where('is_capability', '=', sql.lit(1)),
);

const insertCapabilities = perShape((count: number) =>
  prepared(`set${count}Capabilities`, (db, p: { agent: string } & Params) => {
    const names = listed(p, 'name', count);
    const rows = listed(p, 'tag', count).map((tag, i) => ({
      agent_id: p.agent,
      tag,
      name: names[i] ?? tag,
      is_capability: 1,
    }));
    return db
      .insertInto('agent_tags')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['agent_id', 'tag']).doUpdateSet({ is_capability: 1 }));
  }),
);

function replaceCapabilities(tx: Tx, agent: string, tags: readonly string[]): void {
  tx.send(deleteMereCapabilities, { agent });
  tx.send(clearCapabilities, { agent });
  if (tags.length > 0) {
    tx.send(insertCapabilities(tags.length), { agent, ...tagParams(tags), ...listParams('name', tags) });
  }
}

const setLists = prepared('setExtractedTags', (db, p: { id: string; extracted_tags: string }) =>
  db.updateTable('agents').set({ extracted_tags: p.extracted_tags }).where('id', '=', p.id),
);

/**
 * Stores the tags extracted for an agent. They count only if it has set none itself, so that nobody can brand it.
 *
 * @param tags folded.
 */
export function setExtractedTags(
  tx: Tx,
  agent: { readonly id: string; readonly own_tags: string | null },
  tags: readonly string[],
): void {
  tx.send(setLists, { id: agent.id, extracted_tags: JSON.stringify(tags) });
  if (agent.own_tags === null) replaceCapabilities(tx, agent.id, tags);
}

/** Makes the tags count that stand in an agent's row, after it has changed its own. */
export function applyOwnTags(tx: Tx, agent: Lists & { readonly id: string }): void {
  replaceCapabilities(tx, agent.id, capabilitiesOf(agent));
}

/** The value of `own_tags` for tags that an agent sets; undefined if it leaves them as they are. */
export const ownTagsJson = (tags: readonly string[] | null | undefined): string | null | undefined =>
  tags === undefined || tags === null ? tags : JSON.stringify(tags);
