import type { JobResult } from "./job.ts";

/** A measurement. Fields that do not apply are NaN. */
export interface Row {
  readonly case: string;
  readonly concurrency: number;
  readonly messagesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The peak of the server's own memory during the case. */
  readonly rssAnonMb: number;
  /** messagesPerSecond divided by that of the null server with the same job. */
  readonly ofNull: number;
  /** The ratio of what the case compares. */
  readonly ratio: number;
  readonly errors: Readonly<Record<string, number>>;
}

export const jobRow = (
  name: string,
  concurrency: number,
  result: Omit<JobResult, "byWorker">,
  more: {
    readonly rssAnonMb?: number;
    readonly nullResult?: Pick<JobResult, "messages" | "seconds" | "errors">;
    readonly ratio?: number;
  } = {},
): Row => {
  const messagesPerSecond = result.messages / result.seconds;
  const { nullResult } = more;
  return {
    case: name,
    concurrency,
    messagesPerSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    maxMs: result.maxMs,
    rssAnonMb: more.rssAnonMb ?? Number.NaN,
    ofNull: nullResult === undefined ? Number.NaN : messagesPerSecond / (nullResult.messages / nullResult.seconds),
    ratio: more.ratio ?? Number.NaN,
    errors: { ...result.errors, ...prefixed("null server: ", nullResult?.errors ?? {}) },
  };
};

const prefixed = (prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([what, count]) => [prefix + what, count]));

const EMPTY: Omit<Row, "case"> = {
  concurrency: Number.NaN,
  messagesPerSecond: Number.NaN,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  maxMs: Number.NaN,
  rssAnonMb: Number.NaN,
  ofNull: Number.NaN,
  ratio: Number.NaN,
  errors: {},
};

/** A duration from a start to the first answer. */
export const startRow = (name: string, startMs: number): Row => ({ ...EMPTY, case: name, p50Ms: startMs, maxMs: startMs });

/** A row of durations. */
export const latencyRow = (name: string, concurrency: number, latenciesMs: readonly number[]): Row => ({
  ...EMPTY,
  case: name,
  concurrency,
  p50Ms: median(latenciesMs),
  maxMs: Math.max(...latenciesMs),
});

/** A row of durations of calls that are made one after the other. */
export const timesRow = (name: string, timesMs: readonly number[], errors: Row["errors"] = {}): Row => {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const p99Ms = sorted[Math.floor(0.99 * (sorted.length - 1))] ?? Number.NaN;
  return { ...EMPTY, case: name, concurrency: 1, p50Ms: median(sorted), p99Ms, maxMs: sorted.at(-1) ?? Number.NaN, errors };
};

export const rateRow = (name: string, concurrency: number, messagesPerSecond: number): Row => ({
  ...EMPTY,
  case: name,
  concurrency,
  messagesPerSecond,
});

/** A figure that is no rate and no time, such as a share of something. */
export const figureRow = (name: string, ratio: number, more: Partial<Pick<Row, "rssAnonMb" | "errors">> = {}): Row => ({
  ...EMPTY,
  case: name,
  ratio,
  ...more,
});

export const median = (values: readonly number[]): number => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

/** One row per case and concurrency, in order of appearance: medians, but the largest memory and the sum of errors. */
export const medians = (rows: readonly Row[]): readonly Row[] => {
  const repeats = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.case}/${row.concurrency}`;
    repeats.set(key, [...(repeats.get(key) ?? []), row]);
  }
  return [...repeats.values()].map((same) => {
    const errors: Record<string, number> = {};
    for (const [what, count] of same.flatMap((row) => Object.entries(row.errors))) errors[what] = (errors[what] ?? 0) + count;
    return {
      case: same[0]!.case,
      concurrency: same[0]!.concurrency,
      messagesPerSecond: median(same.map((row) => row.messagesPerSecond)),
      p50Ms: median(same.map((row) => row.p50Ms)),
      p99Ms: median(same.map((row) => row.p99Ms)),
      maxMs: median(same.map((row) => row.maxMs)),
      rssAnonMb: Math.max(...same.map((row) => row.rssAnonMb)),
      ofNull: median(same.map((row) => row.ofNull)),
      ratio: median(same.map((row) => row.ratio)),
      errors,
    };
  });
};
