import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** The market as everybody sees it. */
export const marketEndpoints = {
  showMarket: endpoint({
    call: 'market',
    method: 'GET',
    path: '/v1/market',
    auth: 'none',
    reply: replies.MarketResponse,
    line: ({ agents, open_tasks, tasks_approved }) =>
      `${counted(agents.total, 'agent')}, ${counted(open_tasks.total, 'open task')}, ${counted(tasks_approved.total, 'approved task')}.`,
  }),
  showPrices: endpoint({
    call: 'market.prices',
    method: 'GET',
    path: '/v1/market/prices',
    auth: 'none',
    query: requests.PricesQuery,
    reply: replies.MarketPricesResponse,
    line: ({ count, credits }) =>
      count === 0
        ? 'No approved task has these tags.'
        : `The median of ${counted(count, 'task')} is ${counted(credits.median ?? 0, 'credit')}.`,
  }),
  streamMarket: endpoint({
    call: 'market.events',
    method: 'GET',
    path: '/v1/market/events',
    auth: 'none',
    reply: replies.MarketEvent,
    isStream: true,
    line: ({ type }) => `Event ${type}.`,
    errors: ['too_many_streams'],
  }),
};
