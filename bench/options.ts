import { parseArgs } from "node:util";

export interface Options {
  readonly cases: readonly string[];
  readonly seconds: number;
  readonly repeat: number;
  readonly bodyBytes: number;
  /** Replaces each case's own concurrency. */
  readonly concurrency: readonly number[] | undefined;
  /** Messages preloaded for cases that consume. */
  readonly messages: number;
  /** Messages of the cases with a backlog. The one of that name runs if no other is given. */
  readonly backlog: number | undefined;
}

export const USAGE = `npm run bench -- [options]
  --case <name>          start, send, batch, consume, once, fifo, scan, fair, nack, timers, pending, backlog,
                         segments, rolling, worker, linger, grpc, grpc-idle; may be repeated. Default: all but
                         pending, backlog, segments, rolling and grpc-idle
  --seconds <n>          length of a timed case, after a warm-up of up to 2 s. Default 5
  --repeat <n>           runs of each case; the table shows medians. Default 1
  --concurrency <n>      instead of each case's own; may be repeated
  --body-bytes <n>       size of a message body. Default 1024
  --messages <n>         preloaded for consume, fifo, scan, fair and worker, a multiple of 100. Default 200000
  --backlog <n>          messages of backlog, segments and rolling, a multiple of 100. Default 1000000`;

/** Cases that take minutes and run only on request. */
const LONG = ["pending", "backlog", "segments", "rolling", "grpc-idle"];

/** Errors: a `TypeError` that says which option is wrong. */
export const parseOptions = (args: readonly string[], names: readonly string[]): Options | "help" => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: "string", multiple: true },
      seconds: { type: "string", default: "5" },
      repeat: { type: "string", default: "1" },
      concurrency: { type: "string", multiple: true },
      "body-bytes": { type: "string", default: "1024" },
      messages: { type: "string", default: "200000" },
      backlog: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const natural = (option: string, text: string, multipleOf = 1): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0 && value % multipleOf === 0) return value;
    throw new TypeError(
      `--${option} ${text}: expected a whole number above 0${multipleOf > 1 ? `, a multiple of ${multipleOf}` : ""}`,
    );
  };
  const backlog = values.backlog === undefined ? undefined : natural("backlog", values.backlog, 100);
  const cases = values.case ?? (backlog === undefined ? names.filter((name) => !LONG.includes(name)) : ["backlog"]);
  const unknown = cases.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`--case ${unknown}: expected one of ${names.join(", ")}`);
  return {
    cases,
    seconds: natural("seconds", values.seconds),
    repeat: natural("repeat", values.repeat),
    bodyBytes: natural("body-bytes", values["body-bytes"]),
    concurrency: values.concurrency?.map((text) => natural("concurrency", text)),
    messages: natural("messages", values.messages, 100),
    backlog,
  };
};
