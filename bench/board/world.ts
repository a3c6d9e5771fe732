import { drawKey, firstKey } from '../../packages/server/src/rules/agents/keys.ts';
import { hourMs, minuteMs, systemClock } from '../../packages/server/src/ground/clock.ts';
import { openDatabase } from '../../packages/server/src/storage/open.ts';
import { migrate } from '../../packages/server/src/storage/migrate.ts';
import { createIds } from '../../packages/server/src/ground/ids.ts';
import { openLog } from '../../packages/server/src/ground/log.ts';
import { wordsOf } from '../../packages/server/src/rules/matching/words.ts';
import { fold } from '../../packages/server/src/rules/search/fold.ts';
import { SearchUpkeep } from '../../packages/server/src/rules/search/upkeep.ts';
import { version } from '../../packages/server/src/ground/version.ts';
import { Random } from '../../packages/server/test/support/random.ts';
import { type Language, samples, speak } from './language.ts';
import { type Loader, openLoader } from './loader.ts';

/** An agent that the benchmark sends requests for. */
export interface Speaker {
  readonly id: string;
  readonly key: string;
}

/** The agents with special roles, by role. */
const roles = ['plain', 'tagged', 'matched', 'popular', 'owner', 'poster', 'verified'] as const;
const workerCount = 50;

export interface World {
  readonly agents: Readonly<Record<(typeof roles)[number], Speaker>>;
  readonly workers: readonly Speaker[];
  readonly tasks: number;
}

const price = 10;
const signupBonus = 100;
/** The number of the owner's tasks, which are the oldest; on a small board, at most half of all tasks. */
const ownersTasks = 5_000;
/** The number of agents matched to a task; one task in `tasksPerChoice` has matches. */
const chosenPerTask = 5;
const tasksPerChoice = 5;
/** The popular agent is matched to every hundredth task, the matched agent to twenty tasks in all. */
const tasksPerPopularity = 100;
const matchesOfOne = 20;
interface Resident extends Speaker {
  posted: number;
  events: number;
}

/**
 * Fills a new database with a market: agents with `good_at` texts and their open tasks. The audit finds no fault in it.
 * The same numbers produce the same market.
 */
export async function buildWorld(url: string, agentCount: number, taskCount: number, now: number): Promise<World> {
  const database = await openDatabase(url, { onError: () => undefined });
  await migrate(database, version);
  await database.close();
  const loader = await openLoader(url);
  const random = new Random(5);
  const builder = new Builder(loader, random, speak(random), now);
  const world = await builder.build(agentCount, taskCount);
  await checkWords(loader);
  await loader.close();
  await indexTexts(url);
  return world;
}

/** Brings the text index up to date, as on a server that has run for a while. */
async function indexTexts(url: string): Promise<void> {
  const db = await openDatabase(url, { onError: () => undefined });
  const { logger } = await openLog('silent');
  await new SearchUpkeep({ db, clock: systemClock, log: logger }).run();
  await db.close();
}

/** Those among whom the agents of a task are chosen. */
interface Choosable {
  readonly residents: Resident[];
  readonly cast: Record<string, Resident>;
}

class Builder {
  readonly #loader: Loader;
  readonly #random: Random;
  readonly #language: Language;
  readonly #now: number;
  #at = 0;
  readonly #newId = createIds({ now: () => this.#at, after: () => () => undefined });

  constructor(loader: Loader, random: Random, language: Language, now: number) {
    this.#loader = loader;
    this.#random = random;
    this.#language = language;
    this.#now = now;
  }

  async build(agentCount: number, taskCount: number): Promise<World> {
    this.#at = this.#now - 2 * hourMs;
    const residents = Array.from({ length: agentCount }, (): Resident => ({
      id: this.#newId('agent'),
      key: '',
      posted: 0,
      events: 0,
    }));
    const cast = residents.slice(0, roles.length + workerCount).map((resident) => this.#giveKey(resident));
    const agents = Object.fromEntries(roles.map((role, i) => [role, cast[i]!])) as unknown as World['agents'];
    await this.#postTasks(taskCount, residents, agents as Record<(typeof roles)[number], Resident>);
    await this.#describe(residents, agents.tagged.id, new Set(cast.map(({ id }) => id)));
    return { agents, workers: cast.slice(roles.length), tasks: taskCount };
  }

  #giveKey(resident: Resident): Resident {
    const drawn = drawKey();
    this.#loader.add('api_keys', firstKey(drawn, resident.id, this.#at));
    return Object.assign(resident, { key: drawn.key });
  }

  async #postTasks(count: number, residents: Resident[], cast: Record<(typeof roles)[number], Resident>) {
    const owned = Math.min(ownersTasks, count / 2);
    // The workers of the crowd post no tasks, so that each may claim every task.
    const posters = residents.slice(roles.length + workerCount);
    const start = this.#now - hourMs;
    for (let i = 0; i < count; i++) {
      this.#at = start + Math.floor((i * 30 * minuteMs) / count);
      const poster = i < owned ? cast.owner : this.#random.pick(posters as [Resident]);
      const chosen = this.#choose(i, count, poster, { residents, cast });
      this.#post(i, poster, chosen);
      await this.#loader.drain();
    }
  }

  /** The agents matched to task number `i`: at most one of the cast, and a few others. */
  #choose(i: number, count: number, poster: Resident, { residents, cast }: Choosable) {
    const chosen = new Set<Resident>();
    if (i % Math.ceil(count / matchesOfOne) === 1) chosen.add(cast.matched!);
    if (i % tasksPerPopularity === 2) chosen.add(cast.popular!);
    if (i % tasksPerChoice === 3) {
      const others = residents.length - roles.length;
      while (chosen.size < chosenPerTask) chosen.add(residents[roles.length + this.#random.below(others)]!);
    }
    chosen.delete(poster);
    return [...chosen];
  }

  #post(i: number, poster: Resident, chosen: readonly Resident[]): void {
    const loader = this.#loader;
    const id = this.#newId('task');
    const at = this.#at;
    const tags = new Set(Array.from({ length: this.#random.below(4) }, () => this.#language.tag()));
    if (i % 10 === 0) tags.add(samples.neverMeeting[0]);
    if (i % 10 === 5) tags.add(samples.neverMeeting[1]);
    poster.posted++;
    loader.add('tasks', {
      id,
      poster_id: poster.id,
      need: this.#language.text(20) + (i % 20_000 === 19_999 ? ` ${samples.longWord}` : ''),
      tags: JSON.stringify([...tags]),
      max_credits: price,
      fee_ppm: 100_000,
      status: 'posted',
      version: 1,
      created_at: at,
      expires_at: at + 72 * hourMs,
      match_count: chosen.length,
    });
    loader.add('task_transitions', {
      task_id: id,
      version: 1,
      transition: 'post',
      to_status: 'posted',
      actor_id: poster.id,
      claim_number: 0,
      at,
    });
    for (const tag of tags) loader.add('board_tags', { tag, created_at: at, task_id: id });
    chosen.forEach((agent, rank) =>
      loader.add('matches', {
        task_id: id,
        agent_id: agent.id,
        rank,
        task_created_at: at,
        on_board: 1,
        // Its event was delivered and has been pruned since.
        matched_event: ++agent.events,
      }),
    );
    loader.add('accounts', { id, balance: price });
    const transfer_id = this.#newId('ledgerEntry');
    for (const [account_id, amount] of [
      [poster.id, -price],
      [id, price],
    ] as const) {
      loader.add('ledger_entries', { transfer_id, account_id, amount, reason: 'escrow', task_id: id, created_at: at });
    }
  }

  /** Adds the agents after the tasks, because it needs their totals. The cast has no `good_at` texts. */
  async #describe(residents: readonly Resident[], tagged: string, cast: ReadonlySet<string>): Promise<void> {
    const loader = this.#loader;
    const sayers = new Map<string, { agent_id: string; words: number }[]>();
    let sayersInAll = 0;
    this.#at = this.#now - 2 * hourMs;
    for (const [i, { id, posted, events }] of residents.entries()) {
      const goodAt = cast.has(id) ? '' : this.#language.text(12);
      const words = wordsOf(goodAt, 200);
      for (const word of words) {
        const others = sayers.get(word);
        const sayer = { agent_id: id, words: words.length };
        if (others === undefined) sayers.set(word, [sayer]);
        else others.push(sayer);
      }
      if (words.length > 0) sayersInAll++;
      const name = `agent ${i}`;
      loader.add('agents', {
        id,
        name,
        good_at: goodAt,
        folded: fold(`${name}\n${goodAt}`),
        words: JSON.stringify(words),
        tasks_posted: posted,
        created_at: this.#at,
      });
      if (id === tagged || !cast.has(id)) {
        for (const tag of new Set(Array.from({ length: 5 }, () => this.#language.tag()))) {
          loader.add('agent_tags', { agent_id: id, tag, name: tag, is_capability: 1 });
        }
      }
      const bonus = signupBonus + posted * price + (cast.has(id) ? 1_000_000_000 : 0);
      loader.add('accounts', { id, balance: bonus - posted * price });
      const transfer_id = this.#newId('ledgerEntry');
      for (const [account_id, amount] of [
        ['mint', -bonus],
        [id, bonus],
      ] as const) {
        const entry = { transfer_id, account_id, amount, reason: 'signup_bonus', task_id: null, created_at: this.#at };
        loader.add('ledger_entries', entry);
      }
      loader.add('event_cursors', { agent_id: id, last_number: events });
      await loader.drain();
    }
    for (const word of [...sayers.keys()].sort()) {
      const agents = sayers.get(word)!;
      loader.add('word_counts', { word, agents: agents.length });
      for (const sayer of agents) loader.add('agent_words', { word, ...sayer });
      await loader.drain();
    }
    loader.add('word_counts', { word: '', agents: sayersInAll });
  }
}

const checked = 20;

/** Checks that the matcher's index has the rows that the product's own code would write. */
async function checkWords(loader: Loader): Promise<void> {
  const agents = await loader.query(
    `select id, good_at from agents where good_at <> '' order by id desc limit ${checked}`,
  );
  for (const { id, good_at } of agents as { id: string; good_at: string }[]) {
    for (const word of wordsOf(good_at, 200)) {
      const [found] = await loader.query(`select c.agents as counted,
        (select count(*) from agent_words where word = '${word}') as postings,
        (select count(*) from agent_words where word = '${word}' and agent_id = '${id}') as own
        from word_counts c where c.word = '${word}'`);
      const { counted, postings, own } = found!;
      if (Number(own) !== 1 || Number(counted) !== Number(postings)) throw new Error(`The index of "${word}" is wrong`);
    }
  }
}
