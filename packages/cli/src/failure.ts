import { exitCodes, type ExitCode } from './exit-codes.ts';

/** What a failure of the program's own says besides its message. */
interface FailureParts {
  /** For programs, as the codes of the server are. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** Why, or what to do about it, as a sentence. */
  readonly hint?: string | undefined;
  /** A command that may help. */
  readonly next?: string | undefined;
}

/** A failure that the program finds itself. Those of the server and of the network are `PinchworkError`. */
export class Failure extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly next: string | undefined;

  constructor(message: string, { code, exitCode, hint, next }: FailureParts) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
    this.hint = hint;
    this.next = next;
  }
}

/** The command line is wrong. @param next a command that may help */
export const usage = (message: string, next?: string, hint?: string): Failure =>
  new Failure(message, { code: 'usage', exitCode: exitCodes.usage, next, hint });
