import type { AuditResponse, MarketPricesResponse } from '@pinchwork/sdk/table';
import type { Checks } from '../rules/acceptance/checks.ts';
import type { Authenticator } from '../rules/agents/authenticator.ts';
import type { Key } from '../rules/agents/keys.ts';
import type { EventStreams } from '../rules/events/streams.ts';
import type { PushRequest } from '../rules/pushes/config.ts';
import type { Pusher } from '../rules/pushes/pusher.ts';
import type { Limits } from '../rules/limits/limits.ts';
import type { Texts } from '../rules/limits/texts.ts';
import type { Shares } from '../rules/limits/shares.ts';
import type { DeliveryTimes } from '../rules/market/delivery-times.ts';
import type { MarketFeed } from '../rules/market/feed.ts';
import type { MarketFigures } from '../rules/market/figures.ts';
import type { MarketFlow } from '../rules/market/flow.ts';
import type { TagCount } from '../rules/market/open-tags.ts';
import type { TaskWatch } from '../rules/tasks/watch.ts';
import type { Dispatcher } from '../rules/waiting/dispatcher.ts';
import type { Resolve } from '../rules/webhooks/address.ts';
import type { Deliverer } from '../rules/webhooks/deliverer.ts';
import type { Database } from '../storage/database.ts';
import type { Ground } from '../storage/ground.ts';
import type { Readiness } from './readiness.ts';

/** The services of verbs and doors. `compose.ts` builds it; one process can have several. */
export interface Context extends Ground {
  readonly authenticator: Authenticator;
  readonly limits: Limits;
  readonly texts: Texts;
  /** What requests share, so that nobody uses up what others need. */
  readonly shares: Shares;
  /** Compares deliveries with the acceptance of their task. */
  readonly checks: Checks;
  readonly watch: TaskWatch;
  /** Hands tasks to the pickups that wait. */
  readonly dispatcher: Dispatcher;
  readonly streams: EventStreams;
  /** What the market is, for everybody. */
  readonly market: {
    readonly counts: () => Promise<MarketCounts>;
    readonly figures: () => Promise<MarketFigures>;
    /** The tags that most open tasks bear. */
    readonly commonTags: () => Promise<readonly TagCount[]>;
    /** What became of the credits of the last 24 hours. */
    readonly flow: () => Promise<MarketFlow>;
    /** How long deliveries take. */
    readonly deliveryTimes: () => Promise<DeliveryTimes>;
    readonly openTasks: () => Promise<number>;
    /** By the folded tags, in order, joined by commas. */
    readonly prices: (tags: string) => Promise<MarketPricesResponse>;
  };
  /** Tells everybody who watches what happens. */
  readonly feed: MarketFeed;
  readonly webhooks: Deliverer;
  readonly pushes: Pusher;
  /** Resolves the host name of a webhook. */
  readonly resolve: Resolve;
  readonly readiness: Readiness;
  /** Checks all invariants on all rows. Calls during a run share its result. */
  audit(): Promise<AuditResponse>;
  /** The audit that runs at intervals: of what can have changed since the one before, and now and then of everything. */
  auditPass(): Promise<AuditResponse>;
  /** What the last audit of this server found; undefined before the first. */
  lastAudit(): { readonly report: AuditResponse; readonly at: number } | undefined;
}

/** Public counts of the market: registered agents, tasks on the board, completed tasks. */
export interface MarketCounts {
  readonly agents: number;
  readonly open: number;
  readonly completed: number;
}

/** A success other than the usual one of an endpoint, by the name that the endpoint's row gives it. */
export class OtherSuccess<Reply> {
  readonly name: string;
  readonly reply: Reply;

  constructor(name: string, reply: Reply) {
    this.name = name;
    this.reply = reply;
  }
}

/** The caller of a verb, and the function that runs its transaction, to which a door may add an idempotency record. */
export interface Call {
  readonly ctx: Context;
  /** Id of the calling agent. */
  readonly agentId: string;
  /** The agent's key; undefined if no agent calls. */
  readonly key: Key | undefined;
  /** IP address of the caller. */
  readonly address: string;
  readonly transact: Database['transact'];
  /** The idempotency key of the request, hashed; undefined if it has none. */
  readonly repeatKey: string | undefined;
  /** The client's name of the conversation that the call belongs to (A2A); undefined if it named none. */
  readonly contextId: string | undefined;
  /** The webhook of the one task that the call posts (A2A); undefined without one. */
  readonly push: PushRequest | undefined;
  /** The origin of this server's URLs, as the caller sees it. */
  readonly origin: string;
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
}
