import type { Engine } from './engines.ts';
import { type Agent, Market } from './market.ts';

/** A market with a poster, a worker, and an agent that is neither. */
export interface Cast {
  readonly market: Market;
  readonly poster: Agent;
  readonly worker: Agent;
  readonly other: Agent;
}

export async function openCast(engine: Engine, env: Record<string, string> = {}): Promise<Cast> {
  const market = await Market.fresh(engine, env);
  const [poster, worker, other] = [await market.register('p'), await market.register('w'), await market.register('o')];
  return { market, poster, worker, other };
}

/** The events of an agent in the database: number, type and data. */
export async function eventsIn(engine: Engine, { url }: Market, agent: Agent) {
  const rows = await engine.query(
    url,
    `select number, type, data from events where agent_id = '${agent.id}' order by number`,
  );
  return rows.map(({ number, type, data }) => [Number(number), type, JSON.parse(String(data)) as object]);
}
