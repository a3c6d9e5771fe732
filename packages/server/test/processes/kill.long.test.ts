import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { MortalServer } from '../support/mortal.ts';
import { Random, testSeed } from '../support/random.ts';
import { expectAsTold } from './as-told.ts';
import { History, historySettings } from './history.ts';

/**
 * Kills the real server process with `kill -9` repeatedly while several clients send requests.
 *
 * For more kills: `PINCHWORK_TEST_KILLS=1000 npx vitest run kill`. The run prints its seed; `PINCHWORK_TEST_SEED=…` makes
 * the same choices again, though the processes never interleave quite alike.
 */
const kills = Number(process.env.PINCHWORK_TEST_KILLS ?? 10);
const clients = 8;

onBothEngines('kill -9 under load', (engine) => {
  it('loses no answered request and does nothing twice', { timeout: 60_000 + kills * 10_000 }, async () => {
    console.log(`${engine.name}: ${kills} kills, seed ${testSeed}`);
    const random = new Random(testSeed);
    const server = new MortalServer(await engine.marketUrl(), {
      ...historySettings,
    });
    const histories = Array.from({ length: clients }, (_, i) => new History(`client ${i}`, server, random.fork()));

    let goesOn = true;
    const killing = async () => {
      for (let kill = 0; kill < kills; kill++) {
        await server.untilAnswered(1 + random.below(200));
        // Sometimes the next process is killed before its first request.
        await server.die(random.chance(20) ? random.below(500) : undefined);
      }
      goesOn = false;
    };
    await Promise.all([killing(), ...histories.map((history) => history.run(() => goesOn))]);

    const client = await server.client();
    const chapters = histories.flatMap((history) => history.chapters);
    let tasks = 0;
    for (const chapter of chapters) {
      tasks += await expectAsTold(chapter, client.as(chapter.poster), client.as(chapter.worker));
    }
    const { body: audit } = await client.admin.get('/v1/admin/audit');
    expect(audit).toMatchObject({ ok: true, broken: [], checked: { tasks, agents: 2 * chapters.length } });

    const leftOpen = histories.reduce((sum, history) => sum + history.leftOpen, 0);
    console.log(`${server.answered} answers, ${server.broken} requests broken off, ${leftOpen} of them not repeated`);
    expect(server.broken).toBeGreaterThan(0);
  });
});
