import { ApogeeError } from "../client/apogee-error.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** A failure whose message says all: it needs no stack trace. */
export class VerbFailure extends Error {
  override readonly name: string = "VerbFailure";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.error) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command line has to be written in another way. */
export class UsageFailure extends VerbFailure {
  override readonly name = "UsageFailure";

  constructor(message: string) {
    super(message, EXIT.usage);
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof VerbFailure) return error.exitCode;
  if (!ApogeeError.is(error)) return EXIT.error;
  if (error.status === 404) return EXIT.notFound;
  return error.status === 401 || error.status === 403 ? EXIT.notAllowed : EXIT.error;
}

/** The members of a JSON document that says what became of one of several things. */
export const failureMembers = ({ code, message }: ApogeeError) =>
  ({ status: "error", code, detail: message.slice(`${code}: `.length) }) as const;

/** What went wrong, in one line. */
export function failureLine(error: unknown, endpoint?: string): string {
  const line = lineOf(error, endpoint);
  return line.replace(/\s*\n\s*/g, " ");
}

function lineOf(error: unknown, endpoint: string | undefined): string {
  if (!ApogeeError.is(error)) return error instanceof Error ? error.message : String(error);
  if (error.code === "CONNECTION_FAILED" && endpoint !== undefined) {
    const reason = error.message.replace(/^CONNECTION_FAILED: /, "");
    return `${endpoint} cannot be reached (${reason}). To start a server: apogee start. To use another: --endpoint or --context.`;
  }
  const request = error.requestId === undefined ? "" : ` (request ${error.requestId})`;
  return `${error.message}${request}`;
}
