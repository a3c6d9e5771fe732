import { parentPort, workerData } from 'node:worker_threads';
import { Attacker } from './attacker.ts';
import { attacks } from './attacks.ts';

/** The thread of one attack. It tells when it is prepared, begins when it is told to, and ends with `stop`. */

export interface ThreadData {
  readonly name: string;
  readonly url: string;
  readonly adminKey: string;
}

const { name, url, adminKey } = workerData as ThreadData;
const attack = attacks.find((each) => each.name === name)!;
const attacker = new Attacker(new URL(url), adminKey);
const stopping = new AbortController();
const port = parentPort!;

port.on('message', (said: 'go' | 'stop') => {
  if (said === 'go') {
    attack.run(attacker, stopping.signal).catch((error: unknown) => {
      // Connections that break while the attack ends are expected.
      if (!stopping.signal.aborted) throw error;
    });
  } else {
    stopping.abort();
    attacker.close();
    port.close();
  }
});
await attack.prepare?.(attacker);
port.postMessage('prepared');
