import type { Database } from '../../storage/database.ts';
import { network } from '../limits/network.ts';
import type { Shares } from '../limits/shares.ts';

/** Who searches: an agent, or somebody without a key at an address. */
type Searcher = { readonly agentId: string } | { readonly address: string };

/**
 * Runs a search where it delays nobody (`Database.runApart`).
 *
 * @param input makes the input when the search begins, which may be later.
 * @throws DomainError `overloaded` when too many searches wait.
 */
export type SearchApart = <Input, Output>(job: URL, input: () => Input) => Promise<Output>;

/** All who search without a key count as one holder. */
const anonymous = 'anonymous';

/**
 * Lets somebody search in turn. The holder that has the fewest searches is next. Those without a key are one holder, and
 * have turns among themselves by address, so a crowd of them delays no agent and one of them does not delay the others.
 */
export function searchingAs(
  { db, shares }: { readonly db: Pick<Database, 'runApart'>; readonly shares: Shares },
  searcher: Searcher,
): SearchApart {
  return async <Input, Output>(job: URL, input: () => Input): Promise<Output> => {
    const isAgent = 'agentId' in searcher;
    const own = isAgent ? undefined : await shares.anonymous_searches.wait(network(searcher.address));
    try {
      const turn = await shares.searches.wait(isAgent ? searcher.agentId : anonymous);
      try {
        return await db.runApart<Input, Output>(job, input(), 'short');
      } finally {
        turn.release();
      }
    } finally {
      own?.release();
    }
  };
}
