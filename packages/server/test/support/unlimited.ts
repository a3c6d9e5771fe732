import { limitNames } from '@pinchwork/sdk/table';

/**
 * Settings without rate limits and limits of claims, because most tests send more requests than a real agent would. Only
 * infra agents that the operator named do system tasks, because these have no limited shares; `registerHelper` names
 * them.
 */
export const unlimited: Readonly<Record<string, string>> = {
  ...Object.fromEntries(limitNames.map((name) => [`PINCHWORK_RATE_LIMIT_${name.toUpperCase()}`, 'off'])),
  PINCHWORK_INFRA_AGENTS: 'granted',
  PINCHWORK_READ_MB_PER_MINUTE: 'off',
  PINCHWORK_TEXT_MB_PER_DAY: 'off',
  PINCHWORK_MAX_OPEN_CLAIMS: 'off',
  PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1000000',
};
