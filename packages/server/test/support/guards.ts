import type { Prepared } from '../../src/storage/prepared.ts';
import { compile } from '../../src/storage/postgres/statements.ts';

/**
 * The statements that change or lock rows and look at other rows besides. On PostgreSQL, a statement that has waited for
 * its row looks at it again, but sees all other rows as they were when it began (docs/decisions/0022). So each such look
 * needs a reason why that does no harm.
 */
interface Look {
  /** The tables of the other rows. */
  readonly at: readonly string[];
  readonly reason: string;
}

const terms = 'terms never change, apart from the agents that are left and the note of an unfit result';
const shown = 'it only says in passing what the verb asks for next, or whom it might ask';
const released = 'what a suspended agent gets at that moment is taken away from it for a minute (release.ts)';
const underOwner = 'the transaction has locked the owner of all these rows before';

export const looks: Readonly<Record<string, Look>> = {
  claimIfposted: {
    at: ['agents', 'matches', 'task_terms', 'tasks'],
    reason: `matches: who leaves a task is barred in its row. tasks: claims are counted again under a lock. agents: a
      pause or a suspension of the poster comes after this claim; of the worker: ${released}. ${terms}`,
  },
  claimSystemIfposted: {
    at: ['agents', 'dispute_seats', 'disputes', 'system_tasks_posted', 'tasks'],
    reason: `tasks: parties are looked for again in the locked row (noteInspector), claims and shares are counted again
      under a lock. A task that is needed no more at that moment, or a seat whose dispute ends, is paid as any that was
      claimed before. agents: ${released}; who is an infra agent no more keeps what it has`,
  },
  declineOffer: { at: ['matches'], reason: 'who has left is barred in the row' },
  leaveOffer: { at: ['matches'], reason: 'the transaction has locked the task before' },
  openQuestionIfRoom: {
    at: ['agents', 'matches'],
    reason: 'a question that was asked while the asker declined, or the poster was suspended, came before that',
  },
  deliverIfclaimed: { at: ['agents', 'tasks'], reason: shown },
  insertTask: { at: ['agent_tags', 'agent_words', 'agents', 'tasks'], reason: shown },
  heartbeatIfclaimed: { at: ['task_terms'], reason: terms },
  rejectIfdelivered: { at: ['agents', 'task_terms'], reason: `${released}. ${terms}` },
  rejectSuspendedIfdelivered: {
    at: ['agents', 'task_terms'],
    reason: `the end of a suspension comes after this rejection. ${terms}`,
  },
  dismissWorkerIfSuspended: { at: ['agents'], reason: 'the end of a suspension comes after this release' },
  answerIfclaimed: {
    at: ['tasks'],
    reason: 'the removal of the texts that an answer may quote locks the system task first, and marks it',
  },
  withdrawIfUnneeded: {
    at: ['dispute_seats', 'disputes', 'tasks'],
    reason: 'the transaction has locked the system task, and changed or locked what it is about',
  },
  noteUnfit: { at: ['tasks'], reason: 'the claim has its number, which only grows; the mark of a later claim stays' },
  noteActiveDay: { at: ['api_keys'], reason: 'a key never changes its agent' },
  countDone: { at: ['trust'], reason: 'the transaction has changed the row of trust before' },
  countRating: { at: ['trust'], reason: 'the transaction has changed the row of trust before' },
  noteEarnings: { at: ['agents', 'earnings'], reason: underOwner },
  spendIfLeft: { at: ['system_spending'], reason: 'all who spend hold the lock of the purse' },
  holdDisputedOf: { at: ['dispute_seats'], reason: 'a seat never changes its dispute' },
  nextOutboxRow: { at: ['outbox'], reason: 'it skips rows that others hold, so it never waits' },
  claimPushes: { at: ['push_configs'], reason: 'it skips rows that others hold, so it never waits' },
  claimReceivers: { at: ['webhook_receivers'], reason: 'it skips rows that others hold, so it never waits' },
  deleteDeliveries: { at: ['webhook_deliveries'], reason: underOwner },
  trimPrices: { at: ['market_prices'], reason: underOwner },
  trimTag: { at: ['market_prices'], reason: underOwner },
};

/** The tables that a statement looks at besides the rows that it changes or locks; empty if it changes and locks none. */
function looksAt(query: Prepared<never, unknown>): string[] {
  const text = compile(query).sql.replaceAll('"', '').replaceAll(/\s+/g, ' ').trim();
  const changes = /^(?:with (?<part>\w+) .*\) )?(?<verb>update|delete from|insert into) \w+/.exec(text);
  if (changes === null && !/ for (no key )?update/.test(text)) return [];
  const named = [...text.matchAll(/ (?:from|join) (\w+)/g)].map(([, table]) => table!);
  // The rows of a deletion and of a lock stand after the first "from".
  if (changes === null || changes.groups!.verb === 'delete from') named.shift();
  return [...new Set(named.filter((table) => table !== changes?.groups!.part))].sort();
}

/** The statements whose looks differ from those that are listed. */
export const unlisted = (queries: Iterable<Prepared<never, unknown>>): string[] =>
  [...queries].flatMap((query) => {
    const found = looksAt(query).join(', ');
    return found === (looks[query.name]?.at ?? []).join(', ') ? [] : [`${query.name} looks at ${found || 'nothing'}`];
  });
