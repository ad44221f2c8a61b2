import { z } from "zod";

/** One setting, as it is read from the environment and printed in the README. */
export interface SettingRow {
  readonly env: string;
  readonly schema: z.ZodType<unknown, string>;
  /** As it would be written in the environment; empty if there is none. */
  readonly default: string;
  readonly unit: string;
  readonly description: string;
  /** Its value is never printed, not even in an error message. */
  readonly secret?: true;
}

export type SettingTable = Readonly<Record<string, SettingRow>>;

export type SettingsOf<Table extends SettingTable> = { readonly [K in keyof Table]: z.output<Table[K]["schema"]> };

export type Environment = Readonly<Record<string, string | undefined>>;

/** An unusable setting. The message is one line that names the variable. */
export class InvalidSetting extends Error {
  override readonly name = "InvalidSetting";

  static is(error: unknown): error is InvalidSetting {
    return error instanceof InvalidSetting;
  }
}

/** Reads every setting of `table` from `environment`; an empty variable counts as unset. Errors: `InvalidSetting`. */
export function readTable<Table extends SettingTable>(table: Table, environment: Environment): SettingsOf<Table> {
  const entries = Object.entries(table).map(([name, row]) => [name, readSetting(row, environment)] as const);
  return Object.fromEntries(entries) as SettingsOf<Table>;
}

/** Errors: `InvalidSetting`. */
export function readSetting<Row extends SettingRow>(row: Row, environment: Environment): z.output<Row["schema"]> {
  const text = environment[row.env] || row.default;
  const parsed = row.schema.safeParse(text);
  if (parsed.success) return parsed.data as z.output<Row["schema"]>;
  const found = text === "" ? ", but is not set" : row.secret ? "" : `, but is ${JSON.stringify(text)}`;
  throw new InvalidSetting(`${row.env} ${parsed.error.issues[0]?.message ?? "is invalid"}${found}.`);
}

export const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be one of ${values.join(", ")}`);

/** `undefined` if the variable is unset. */
export const optional = (test: RegExp, message: string) =>
  z
    .string()
    .refine((text) => text === "" || test.test(text), message)
    .transform((text) => (text === "" ? undefined : text));
