import { previewOf } from '../../ground/preview.ts';
import { encodeCursor, decodeRange } from '../../ground/paging.ts';
import { newestOpen, type OpenTask, type PageStart } from '../../rules/market/open-tasks.ts';
import { searchingAs } from '../../rules/search/apart.ts';
import { fold } from '../../rules/search/fold.ts';
import { readTermsOfAll, type Terms } from '../../rules/tasks/terms.ts';
import { tagsOf } from '../../rules/tasks/view.ts';
import { tagParams } from '../../storage/tags.ts';
import type { Call } from '../context.ts';

/** What is asked of the public board. Checked by the door. */
export interface BoardQuery {
  readonly search: string;
  readonly tags: readonly string[];
  readonly cursor: string | undefined;
}

interface BoardList {
  readonly tasks: readonly (OpenTask & { readonly preview: string; readonly terms: Terms })[];
  readonly nextCursor: string | null;
  /** The search has examined a part of the tasks. */
  readonly isPartial: boolean;
}

/** How many tasks a page shows, and how many a search examines for one. */
const pageSize = 10;
const examined = 500;

const list = 'open tasks';
const searchJob = new URL('../../rules/market/board-search.ts', import.meta.url);

/**
 * A page of the tasks on the board that are for everybody, the newest first. A search reads what the public may read: the
 * previews of tasks, and their tags. Otherwise it would tell what stands in the rest of a text.
 *
 * @throws DomainError `invalid_request` for a cursor of another list; `overloaded` when too many searches wait
 */
export async function listOpen({ ctx, address }: Pick<Call, 'ctx' | 'address'>, query: BoardQuery): Promise<BoardList> {
  const { db, clock, config } = ctx;
  const { search, tags, cursor } = query;
  const { sortKey } = decodeRange(list, { cursor, limit: pageSize, offset: 0 }, [
    Number.MAX_SAFE_INTEGER,
    '~',
  ] as const);
  const [before_created_at, before_id] = sortKey;
  const limit = (search === '' ? pageSize : examined) + 1;
  const place = { ...tagParams(tags), now: clock.now(), before_created_at, before_id, limit };
  const input = { tags: tags.length, place };
  const found =
    search === ''
      ? await db.all(newestOpen(input.tags), place)
      : await searchingAs(ctx, { address })<{ tags: number; place: PageStart }, OpenTask[]>(searchJob, () => input);
  const part = fold(search);
  const seen = found
    .slice(0, limit - 1)
    .map((task) => ({ ...task, preview: previewOf(task.need, config.taskPreviewLength) }));
  const fitting = seen.filter(
    (task) => part === '' || fold(`${task.preview}\n${tagsOf(task).join(' ')}`).includes(part),
  );
  const page = fitting.slice(0, pageSize);
  const hasMore = fitting.length > page.length || found.length === limit;
  // A page that is not full ends where the search ended.
  const last = page.length === pageSize ? page.at(-1) : seen.at(-1);
  const terms = await readTermsOfAll(db, page);
  return {
    tasks: page.map((task) => ({ ...task, terms: terms(task) })),
    nextCursor: hasMore && last !== undefined ? encodeCursor(list, [last.created_at, last.id]) : null,
    isPartial: hasMore && page.length < pageSize,
  };
}
