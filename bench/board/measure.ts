import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, percentile } from '../figures.ts';
import { expectStatus } from '../http.ts';
import type { Case } from './cases.ts';
import { Requests } from './requests.ts';
import type { Speaker } from './world.ts';

/** The medians over all rounds, in milliseconds. */
export interface Figures {
  readonly p50: number;
  readonly p99: number;
  /** Another client's small requests at the same time. */
  readonly othersP99: number;
}

/** Warm-up before the first round, so that V8 has compiled the hot code. */
const warmUps = 25;
const tickMs = 10;
/** A case ends early when a round of it takes this long. */
const longestMs = 6_000;

/** Measures the cases in turn, round by round, so that a slow phase of the machine affects all of them. */
export async function measureCases(
  url: URL,
  cases: readonly Case[],
  ticker: Speaker,
  { rounds, samples }: { rounds: number; samples: number },
): Promise<Figures[]> {
  for (const each of cases) await warmUp(each, url);
  const done: Figures[][] = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, each] of cases.entries()) {
      done[i]!.push(await measureCase(each, url, ticker, samples));
    }
  }
  return done.map((figures) => {
    const of = (name: keyof Figures) => median(figures.map((one) => one[name]));
    return { p50: of('p50'), p99: of('p99'), othersP99: of('othersP99') };
  });
}

async function warmUp(each: Case, url: URL): Promise<void> {
  const requests = await Requests.open(url);
  const until = performance.now() + longestMs / 6;
  for (let i = 0; i < warmUps && performance.now() < until; i++) await each.run(requests);
  requests.close();
}

/** Opens new connections: idle ones may have been closed since the last case. */
async function measureCase(each: Case, url: URL, ticker: Speaker, samples: number): Promise<Figures> {
  const requests = await Requests.open(url);
  const others = await Requests.open(url);
  const times: number[] = [];
  let isOver = false;
  const ticks = tickUntil(() => isOver, others, ticker);
  const until = performance.now() + longestMs;
  while (times.length < samples && performance.now() < until) times.push((await each.run(requests)).ms);
  isOver = true;
  const othersTimes = await ticks;
  requests.close();
  others.close();
  const sorted = times.sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), othersP99: percentile(othersTimes, 0.99) };
}

/** Sends a small request every few milliseconds. @returns how long each took, sorted. */
async function tickUntil(isOver: () => boolean, requests: Requests, agent: Speaker): Promise<number[]> {
  const times: number[] = [];
  while (!isOver()) {
    times.push(expectStatus(await requests.get('/v1/me', agent), 200).ms);
    await sleep(tickMs);
  }
  return times.sort((a, b) => a - b);
}
