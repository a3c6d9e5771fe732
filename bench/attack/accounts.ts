import { postTemplate } from '../http.ts';
import type { Attack } from './attack.ts';

/** Accounts in great numbers. */

const lanes = 16;
/** As many addresses as eight networks of 24 bits have: each may register, until its network may not. */
const addresses = 2_000;

export const accounts: readonly Attack[] = [
  {
    name: 'registrations from all addresses of eight networks',
    // Until the networks have used up what they may register: a thousand accounts an hour in all.
    leadSeconds: 5,
    run: async (attacker, signal) => {
      let sent = 0;
      const register = postTemplate(attacker.host, undefined, { name: 'one of many', good_at: 'counting' })(
        '/v1/register',
      );
      const lane = async () => {
        while (!signal.aborted)
          await attacker.send(register, attacker.address(sent++ % addresses)).catch(() => undefined);
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    },
  },
];
