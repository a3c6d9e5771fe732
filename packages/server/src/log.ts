import { type DestinationStream, type Logger, pino } from 'pino';

/** Lines are written together, at most so much later: after a `kill -9` the last second may be missing. */
const flushMs = 1_000;
const bufferBytes = 8 * 1024;

/** What a secret could stand under, should anybody ever log it. */
const redact = ['authorization', 'api_key', 'webhook_secret', '*.authorization', '*.api_key', '*.webhook_secret'];

export interface Log {
  readonly logger: Logger;
  /** Writes what waits, now. */
  flush(): void;
  /** Writes what waits, and no more from then on. */
  close(): void;
}

/** The program's log: JSON, one object a line, on the standard output; made easy to read on a terminal. */
export async function openLog(level: string, isTerminal = process.stdout.isTTY): Promise<Log> {
  if (level === 'silent') return ready(pino({ level }));
  if (isTerminal) {
    const { default: pretty } = await import('pino-pretty');
    return ready(pino({ level, redact }, pretty({ ignore: 'pid,hostname', sync: true })));
  }
  const destination = pino.destination({ sync: false, minLength: bufferBytes });
  const flush = () => {
    try {
      destination.flushSync();
    } catch {
      // Nothing has been written yet, or nobody reads any more.
    }
  };
  const timer = setInterval(flush, flushMs);
  timer.unref();
  process.once('exit', flush);
  return {
    logger: pino({ level, redact }, destination),
    flush,
    close: () => {
      clearInterval(timer);
      process.off('exit', flush);
      flush();
    },
  };
}

const ready = (logger: Logger): Log => ({ logger, flush: () => undefined, close: () => undefined });

/** A log that goes into a stream as it comes. */
export const logInto = (level: string, stream: DestinationStream): Log => ready(pino({ level, redact }, stream));
