import { limitNames } from '@pinchwork/sdk';

/** Settings under which nobody is ever told to slow down: most tests send more than any real agent would. */
export const unlimited: Readonly<Record<string, string>> = {
  ...Object.fromEntries(limitNames.map((name) => [`PINCHWORK_RATE_LIMIT_${name.toUpperCase()}`, 'off'])),
  PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1000000',
};
