import { Checks } from '../../src/rules/acceptance/checks.ts';
import { Share } from '../../src/rules/limits/share.ts';

/** Checks of acceptances for all markets of this process: their thread takes half a second of CPU time to start. */
export const keptChecks = new Checks(new Share({ most: 1, mostWaiting: 1_000 }), { warn: () => undefined });
