import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { type DomainError, isStorageFailure } from './errors.ts';
import { LogOutput } from './log-output.ts';
import { codeOf } from './unknown-error.ts';

/** A member of a logged object, at any depth, whose name says that its value is a secret: a text or a list of texts. */
const secretMember =
  /"(authorization|api_?key|admin_?key|webhook_?secret|(?:auth_?)?credentials|token)":(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*"|,)*\])/gi;

/**
 * The program logs no secrets; this is a second line of defence. It works on the finished line, because the paths of
 * pino's own `redact` have a fixed depth, and errors and class instances get their members only when they are written.
 */
const withoutSecrets = (line: string) => line.replace(secretMember, '"$1":"[Redacted]"');

/**
 * While the storage fails, everything that uses it fails about once a second. The log reports it at most this often.
 */
const storageLineMs = 60_000;

export interface Log {
  readonly logger: Logger;
  /** The number of lines that were dropped because the output did not accept them. */
  dropped(): number;
  /** Writes the waiting lines as soon as the output accepts them. */
  flush(): void;
  /** Writes a line as it is at any level except `silent`. */
  say(line: string): void;
  /** Tries once to write the waiting lines, then writes nothing more. */
  close(): Promise<void>;
}

/**
 * Opens the program's log: JSON, one object per line, or readable text on a terminal. Writing never blocks and never
 * ends the program (`LogOutput`).
 *
 * @param fd where to write; by default the standard output.
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
  close: async () => undefined,
});

/** A log that writes each line to a stream at once. */
export const logInto = (level: string, stream: DestinationStream): Log =>
  ready(pino(optionsOf(level), stream), (line) => stream.write(`${line}\n`));

const optionsOf = (level: string): LoggerOptions => ({
  level,
  hooks: { logMethod: tellStorageFailuresOnce(), streamWrite: withoutSecrets },
});

/**
 * Logs a storage failure as one line without a stack, at most once a minute. When the storage fails, every connection
 * and every periodic query fails too. The suppressed lines are counted, and the next line shows the count.
 */
function tellStorageFailuresOnce(): NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']> {
  let toldAt = -Infinity;
  let untold = 0;
  return function (args, method) {
    // pino's types leave out that an error and a text can come together.
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

/** The message of the storage itself. */
export function reasonOf({ cause, message }: DomainError): string {
  if (!(cause instanceof Error)) return message;
  return cause.message === '' ? (codeOf(cause) ?? cause.name) : cause.message;
}
