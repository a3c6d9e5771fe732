import type { Readable } from 'node:stream';
import { minuteMs } from '../../ground/clock.ts';

/** Pause after each piece (64 KiB) of a body that nobody needs: up to 6 MiB a second from one connection. */
const pauseMs = 10;

/**
 * Reads and discards bodies that nobody needs, because the request has been refused. If the connection were closed
 * instead, many clients would report a broken pipe in place of the reply.
 *
 * It pauses after each piece, the longer the more bodies there are. Otherwise a client that ignores its refusals and
 * sends on would take the event loop: 64 MiB a second are read in all.
 */
export class Discards {
  #running = 0;

  /** @param payload a body of which nothing more is needed. */
  discard(payload: Readable): void {
    this.#running++;
    let timer: NodeJS.Timeout | undefined;
    payload.on('data', () => {
      payload.pause();
      timer = setTimeout(() => payload.resume(), Math.min(pauseMs + this.#running, minuteMs));
    });
    payload.once('close', () => {
      clearTimeout(timer);
      this.#running--;
    });
    payload.on('error', () => undefined);
    payload.resume();
  }
}
