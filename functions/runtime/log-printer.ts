export const LOG_FORMATS = ["auto", "pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Turns a line of JSON into one for people. */
export type LogPrinter = (line: string) => string;

/** Fields that the message of an access log line already contains. */
const IN_MESSAGE = ["method", "path", "route", "status", "code", "durationMs"];

/**
 * Pino's own printer, loaded only if it is used: a pipe gets JSON, for log collectors. It prints in this thread, before the line waits
 * to be written like any other. Absent: lines stay as they are.
 */
export async function openLogPrinter(format: LogFormat, isTerminal: boolean): Promise<LogPrinter | undefined> {
  if (format === "json" || (format === "auto" && !isTerminal)) return undefined;
  // It is CommonJS: all its exports are on its default, in a bundle too.
  const { default: pretty } = await import("pino-pretty");
  return pretty.prettyFactory({
    translateTime: "SYS:HH:MM:ss.l",
    // Client data is printed as JSON, so that none of it reaches the terminal as a command.
    singleLine: true,
    ignore: IN_MESSAGE.join(","),
    messageFormat: messageOf,
  });
}

function messageOf(line: Readonly<Record<string, unknown>>, messageKey: string): string {
  const { method, path, status, code, durationMs } = line;
  const message = String(line[messageKey]);
  if (status === undefined) return message;
  const what = method === undefined ? message : `${method} ${path}`;
  const outcome = code === undefined ? status : `${status} ${code}`;
  return durationMs === undefined ? `${what} ${outcome}` : `${what} ${outcome} in ${durationMs} ms`;
}
