import { z } from "zod";

const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be one of ${values.join(", ")}`);

interface SettingRow {
  readonly env: string;
  readonly schema: z.ZodType<string | number, string>;
  /** As it would be written in the environment. */
  readonly default: string;
  readonly unit: string;
  readonly description: string;
}

/** Every setting of the embedded server. The README prints this table, and a test keeps the two alike. */
export const SETTINGS = {
  port: {
    env: "PORT",
    schema: wholeNumber(0, 65_535),
    default: "8080",
    unit: "",
    description: "TCP port to listen on; 0 takes a free one.",
  },
  host: {
    env: "HOST",
    schema: z.string().min(1, "must not be empty"),
    default: "127.0.0.1",
    unit: "",
    description: "Address to listen on; 0.0.0.0 opens it to the network.",
  },
  dataDirectory: {
    env: "DATA_DIR",
    schema: z.string().min(1, "must not be empty"),
    default: "./data",
    unit: "",
    description: "Folder of the store; one process at a time may hold it.",
  },
  logLevel: {
    env: "LOG_LEVEL",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
    default: "info",
    unit: "",
    description: "Least level that is logged; `info` has a line per request.",
  },
  shutdownGraceSeconds: {
    env: "SHUTDOWN_GRACE_SECONDS",
    schema: wholeNumber(0, 3_600),
    default: "10",
    unit: "seconds",
    description: "Time that requests in flight get to finish after SIGTERM or SIGINT.",
  },
  requestMemoryMib: {
    env: "REQUEST_MEMORY_MIB",
    schema: wholeNumber(16, 65_536),
    default: "256",
    unit: "MiB",
    description: "Bytes of request bodies held at once; beyond it requests are answered 503.",
  },
} as const satisfies Record<string, SettingRow>;

export type Settings = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]["schema"]> };

/** A setting that cannot be used. The message is one line that names the variable. */
export class InvalidSetting extends Error {
  override readonly name = "InvalidSetting";

  static is(error: unknown): error is InvalidSetting {
    return error instanceof InvalidSetting;
  }
}

/** Reads every setting from `environment`; an empty variable counts as unset. Errors: `InvalidSetting`. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const entries = Object.entries<SettingRow>(SETTINGS).map(([name, row]) => {
    const text = environment[row.env] || row.default;
    const parsed = row.schema.safeParse(text);
    if (parsed.success) return [name, parsed.data] as const;
    throw new InvalidSetting(`${row.env} ${parsed.error.issues[0]?.message ?? "is invalid"}, but is ${JSON.stringify(text)}.`);
  });
  return Object.fromEntries(entries) as Settings;
}
