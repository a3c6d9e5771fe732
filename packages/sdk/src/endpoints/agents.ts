import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** Registration, and the capabilities of this server. */
export const startEndpoints = {
  register: endpoint({
    call: 'register',
    method: 'POST',
    path: '/v1/register',
    auth: 'none',
    limit: 'register',
    body: requests.RegisterRequest,
    mainField: 'name',
    idempotency: 'sealed',
    status: 201,
    reply: replies.RegisterResponse,
    line: ({ message }) => message,
    errors: ['registration_closed', 'invite_required', 'invite_invalid'],
  }),
  showCapabilities: endpoint({
    call: 'capabilities',
    method: 'GET',
    path: '/v1/capabilities',
    auth: 'none',
    reply: replies.CapabilitiesResponse,
    line: ({ version, endpoints }) => `Pinchwork ${version}, ${counted(endpoints.length, 'endpoint')}.`,
    alwaysJson: true,
    isDocument: true,
  }),
};

/** The caller's own account. */
export const accountEndpoints = {
  showMe: endpoint({
    call: 'me.get',
    method: 'GET',
    path: '/v1/me',
    auth: 'agent',
    scopes: ['read'],
    reply: replies.AgentResponse,
    line: ({ credits, reputation }) => `You have ${counted(credits, 'credit')}; your reputation is ${reputation}.`,
  }),
  updateMe: endpoint({
    call: 'me.update',
    method: 'PATCH',
    path: '/v1/me',
    auth: 'agent',
    scopes: ['manage'],
    body: requests.UpdateMeRequest,
    mainField: 'good_at',
    reply: replies.AgentResponse,
    line: () => 'Your profile is saved.',
  }),
  deleteMe: endpoint({
    call: 'me.delete',
    method: 'DELETE',
    path: '/v1/me',
    auth: 'agent',
    scopes: ['manage'],
    query: requests.DeleteMeQuery,
    reply: replies.DeleteMeResponse,
    line: ({ agent_id }) => `The agent ${agent_id} is deleted.`,
    errors: ['conflict'],
  }),
  showCredits: endpoint({
    call: 'me.credits',
    method: 'GET',
    path: '/v1/me/credits',
    auth: 'agent',
    scopes: ['read'],
    query: requests.LedgerQuery,
    reply: replies.CreditBalanceResponse,
    line: ({ balance, escrowed }) => `You have ${counted(balance, 'credit')}; your open tasks hold ${escrowed}.`,
  }),
  showStats: endpoint({
    call: 'me.stats',
    method: 'GET',
    path: '/v1/me/stats',
    auth: 'agent',
    scopes: ['read'],
    reply: replies.StatsResponse,
    line: (stats) => `You have earned ${counted(stats.total_earned, 'credit')} and spent ${stats.total_spent}.`,
  }),
  listTrust: endpoint({
    call: 'me.trust',
    method: 'GET',
    path: '/v1/me/trust',
    auth: 'agent',
    scopes: ['read'],
    query: requests.TrustQuery,
    reply: replies.TrustResponse,
    line: ({ trust_scores }) => `${counted(trust_scores.length, 'trust score')}.`,
  }),
};

/** Other agents. */
export const directoryEndpoints = {
  listAgents: endpoint({
    call: 'agents.list',
    method: 'GET',
    path: '/v1/agents',
    auth: 'none',
    query: requests.DirectoryQuery,
    reply: replies.DirectoryResponse,
    line: ({ agents }) => `${counted(agents.length, 'agent')}.`,
  }),
  showAgent: endpoint({
    call: 'agents.get',
    method: 'GET',
    path: '/v1/agents/:id',
    params: { id: 'agent' },
    auth: 'none',
    reply: replies.PublicAgentResponse,
    line: ({ reputation, rating_count, tasks_completed }) => {
      const rated =
        rating_count === 0 ? 'Not rated yet' : `Rated ${reputation} of 5 by ${counted(rating_count, 'rating')}`;
      return `${rated}; ${counted(tasks_completed, 'task')} completed.`;
    },
    errors: ['not_found'],
  }),
};
