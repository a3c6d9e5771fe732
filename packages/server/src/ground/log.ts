import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { DomainError } from './errors.ts';
import { LogOutput } from './log-output.ts';

/** A member of a logged object, at any depth, whose name says that its value is a secret: a text or a list of texts. */
const secretMember =
  /"(authorization|api_?key|admin_?key|webhook_?secret)":(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*"|,)*\])/gi;

/**
 * Nothing of ours logs a secret. This is the second line of defence. It works on the finished line, because the paths of
 * pino's own `redact` have a fixed depth, and errors and class instances get their members only when they are written.
 */
const withoutSecrets = (line: string) => line.replace(secretMember, '"$1":"[Redacted]"');

/** While the storage fails, everything that needs it fails once a second: it is told this often. */
const storageLineMs = 60_000;

export interface Log {
  readonly logger: Logger;
  /** Lines that were dropped because the output took none. */
  dropped(): number;
  /** Writes what waits, as soon as the output takes it. */
  flush(): void;
  /** Writes a line as it is, whatever the level, unless nothing is logged at all. */
  say(line: string): void;
  /** Tries once to write what waits, and writes no more from then on. */
  close(): void;
}

/**
 * The program's log on its standard output: JSON, one object a line; made easy to read on a terminal. Writing never
 * holds up the program and never ends it (`LogOutput`).
 *
 * @param fd where to write, if not on the standard output.
 */
export async function openLog(level: string, isTerminal = process.stdout.isTTY, fd = 1): Promise<Log> {
  if (level === 'silent') return ready(pino({ level }), () => undefined);
  const output: LogOutput = new LogOutput(fd, (droppedLines) =>
    logger.warn({ droppedLines }, 'lines of this log were dropped while it could not be written'),
  );
  const logger = pino(optionsOf(level), isTerminal ? await prettyInto(output) : output);
  return {
    logger,
    dropped: () => output.dropped,
    say: (line) => {
      output.write(`${line}\n`);
      output.flush();
    },
    flush: () => output.flush(),
    close: () => output.close(),
  };
}

async function prettyInto(output: LogOutput): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({ ignore: 'pid,hostname', colorize: true });
  return {
    write: (line) => {
      output.write(pretty(line));
      output.flush();
    },
  };
}

const ready = (logger: Logger, say: (line: string) => void): Log => ({
  logger,
  dropped: () => 0,
  say,
  flush: () => undefined,
  close: () => undefined,
});

/** A log that goes into a stream as it comes. */
export const logInto = (level: string, stream: DestinationStream): Log =>
  ready(pino(optionsOf(level), stream), (line) => stream.write(`${line}\n`));

const optionsOf = (level: string): LoggerOptions => ({
  level,
  hooks: { logMethod: tellStorageFailuresOnce(), streamWrite: withoutSecrets },
});

/** Whether an error says that the storage is away or behind, which is nobody's fault in the program. */
export const isStorageFailure = (error: unknown): error is DomainError =>
  error instanceof DomainError && (error.code === 'storage_unavailable' || error.code === 'overloaded');

/**
 * Has one line tell of a storage that fails, without a stack: with it fail all connections and everything that looks at
 * the data once a second. The lines that follow within a minute are counted; the next one has their number.
 */
function tellStorageFailuresOnce(): NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']> {
  let toldAt = -Infinity;
  let untold = 0;
  return function (args, method) {
    const [error, what] = args as unknown as [unknown, string | undefined];
    if (!isStorageFailure(error)) {
      method.apply(this, args);
      return;
    }
    if (performance.now() - toldAt < storageLineMs) {
      untold++;
      return;
    }
    const line = { code: error.code, reason: reasonOf(error), repeated: untold === 0 ? undefined : untold };
    toldAt = performance.now();
    untold = 0;
    method.apply(this, [line, what ?? error.message]);
  };
}

/** What the storage itself said. */
export function reasonOf({ cause, message }: DomainError): string {
  if (!(cause instanceof Error)) return message;
  return cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : cause.message;
}
