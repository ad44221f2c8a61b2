import { z } from "zod";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, NAME_CHARS_MAX } from "../../../core/limits.ts";
import { type ReadInstant, readInstant, readQueryInstant } from "../times.ts";

/** A whole number written in a query. */
export const queryInteger = (min: number, max: number, description: string) => {
  const message = `Must be a whole number from ${min} to ${max}.`;
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, message)
    .meta({ type: "integer", minimum: min, maximum: max, description });
};

/** A whole number in a body. */
export const integer = (min: number, max: number, description: string) => {
  const message = `Must be a whole number from ${min} to ${max}.`;
  return z
    .number(message)
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, message)
    .meta({ type: "integer", minimum: min, maximum: max, description });
};

export const queryBoolean = (description: string) =>
  z
    .enum(["true", "false"], "Must be true or false.")
    .transform((value) => value === "true")
    .meta({ type: "boolean", description });

const INSTANT = "Must be an RFC 3339 time or epoch milliseconds.";

/** A point in time, read into epoch milliseconds. */
export const instant = (description: string) =>
  z
    .union([z.string(), z.number()], INSTANT)
    .transform((value, context) => epochMs(readInstant(value), context))
    .meta({ anyOf: [{ type: "string", format: "date-time" }, { type: "integer" }], description });

export const queryInstant = (description: string) =>
  z
    .string()
    .transform((value, context) => epochMs(readQueryInstant(value), context))
    .meta({ type: "string", description });

function epochMs(read: ReadInstant, context: z.core.$RefinementCtx): number {
  if ("ms" in read) return read.ms;
  context.addIssue(read.problem);
  return z.NEVER;
}

export const time = (description: string) => z.string().meta({ format: "date-time", description });
export const offset = (description: string) => z.string().meta({ pattern: "^\\d+$", description });

/** The name of something that has no life of its own here. */
export const plainName = z
  .string("Must be a string.")
  .regex(new RegExp(`^[A-Za-z0-9_-]{1,${NAME_CHARS_MAX}}$`), `Must be 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ and -.`);

export const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;

export const dryRunQuery = z.strictObject({
  dryRun: queryBoolean("Deletes nothing and answers 200 with what would go.").optional(),
});

/** `limit` and `cursor` of every list; a list adds its filters. */
export const listQuery = {
  limit: queryInteger(1, LIST_LIMIT_MAX, `Items at most; ${LIST_LIMIT_DEFAULT} where not given.`).optional(),
  cursor: z.string().max(1_024, "Is too long.").meta({ description: "`nextCursor` of the page before." }).optional(),
  prefix: z
    .string()
    .max(NAME_CHARS_MAX, `Must have at most ${NAME_CHARS_MAX} characters.`)
    .meta({ description: "First characters of the name." })
    .optional(),
};

export const page = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().meta({ description: "Continues the list; null on its last page." }),
    complete: z
      .boolean()
      .meta({ description: "False when a bound stopped the search before the page was full; go on at nextCursor." }),
  });

const effect = z
  .enum(["none", "unknown"])
  .meta({ description: "What the failed request changed: nothing; or perhaps nothing, a part, or all of what it asked for." });

export const problem = z
  .object({
    type: z.string().meta({ description: "Address of an explanation, relative to the server." }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().meta({ description: "What happened and what to do." }),
    instance: z.string().meta({ description: "Path of the request." }),
    code: z.string().meta({ description: "Stable name of the error." }),
    requestId: z.string(),
    retryable: z.boolean().meta({ description: "The same request may succeed later." }),
    effect,
    errors: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem document." });

export const entryError = z
  .object({ code: z.string(), detail: z.string(), retryable: z.boolean(), effect })
  .meta({ id: "EntryError", description: "Why one entry of a batch failed." });
