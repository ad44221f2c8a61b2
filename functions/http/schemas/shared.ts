import { z } from "zod";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, NAME_CHARS_MAX, QUEUES_MAX } from "../../../core/limits.ts";
import { BOUNDARIES } from "../../../core/terms.ts";
import { type ReadInstant, RFC_3339, readInstant, readQueryInstant } from "../times.ts";

/** What the documentation shows instead of the derived schema, because our own checks cannot be derived. Merged by `.meta`. */
export const shownAs = (json: Readonly<Record<string, unknown>>) => ({ json });

/** OpenAPI's hint for clients: the value of `propertyName` tells the schemas of a union apart. */
export const discriminatedBy = (propertyName: string, idByValue: Readonly<Record<string, string>>) => ({
  discriminator: {
    propertyName,
    mapping: Object.fromEntries(Object.entries(idByValue).map(([value, id]) => [value, `#/$defs/${id}`])),
  },
});

/** Requires that at most one of these properties is present. */
export const atMostOneOf = (...names: readonly string[]) =>
  Object.fromEntries(
    names.map((name) => [
      name,
      { properties: Object.fromEntries(names.filter((other) => other !== name).map((other) => [other, { not: {} }])) },
    ]),
  );

/** The largest number for which clients use a 32-bit integer; larger ones are 64-bit. */
export const INT32_MAX = 2 ** 31 - 1;
const wholeNumber = (minimum: number, maximum?: number) => ({
  type: "integer",
  format: maximum !== undefined && maximum <= INT32_MAX ? "int32" : "int64",
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});

/** A whole number written in a query. */
export const queryInteger = (min: number, max: number, description: string) => {
  const message = `Must be a whole number from ${min} to ${max}.`;
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, message)
    .meta({ ...shownAs(wholeNumber(min, max)), description });
};

/** A whole number in a body. */
export const integer = (min: number, max: number, description: string) => {
  const message = `Must be a whole number from ${min} to ${max}.`;
  return z
    .number(message)
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, message)
    .meta({ ...shownAs(wholeNumber(min, max)), description });
};

export const queryBoolean = (description: string) =>
  z
    .enum(["true", "false"], "Must be true or false.")
    .transform((value) => value === "true")
    .meta({ ...shownAs({ type: "boolean" }), description });

export const boundary = z.enum(BOUNDARIES, "Must be LOWER or UPPER.").meta({
  id: "Boundary",
  description:
    "Which message a time means: LOWER, the first one stored at or after it, where not given; UPPER, the last one stored at or before it.",
});

const INSTANT = "Must be an RFC 3339 time or epoch milliseconds.";

/** A point in time as requests write it, unread: `parseInstant` reads it. */
export const writtenInstant = z
  .union(
    [
      // Without the format date-time: clients with a type for it could no longer write a number.
      z.string().meta({ pattern: RFC_3339.source, description: "An RFC 3339 time." }),
      z.number().meta(shownAs({ ...wholeNumber(0), description: "Epoch milliseconds." })),
    ],
    INSTANT,
  )
  .meta({ id: "PointInTime", description: "An RFC 3339 time, or epoch milliseconds." });

/** A point in time, read into epoch milliseconds. */
export const instant = (description: string) =>
  writtenInstant.transform((value, context) => epochMs(readInstant(value), context)).meta({ description });

export const queryInstant = (description: string) =>
  z
    .string()
    .transform((value, context) => epochMs(readQueryInstant(value), context))
    .meta({ description });

/** A count, or an ordinal number, in an answer. */
export const count = (description?: string, max?: number) =>
  z.number().meta({ ...shownAs(wholeNumber(0, max)), ...(description === undefined ? {} : { description }) });
/** The number of a queue, in an answer. */
export const queueId = z.number().meta({ ...shownAs(wholeNumber(0, QUEUES_MAX - 1)), description: "Number of the queue." });

function epochMs(read: ReadInstant, context: z.core.$RefinementCtx): number {
  if ("ms" in read) return read.ms;
  context.addIssue(read.problem);
  return z.NEVER;
}

export const time = (description: string) => z.string().meta({ format: "date-time", description });
export const offset = (description: string) => z.string().meta({ pattern: "^\\d+$", description });

/** The pattern of the names of topics, groups and everything else. */
export const NAME_PATTERN = `^[A-Za-z0-9_-]{1,${NAME_CHARS_MAX}}$`;

/** The name of something that is not stored as an object of its own. */
export const plainName = z
  .string("Must be a string.")
  .regex(new RegExp(NAME_PATTERN), `Must be 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ and -.`);

export const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;

export const dryRunQuery = z.strictObject({
  dryRun: queryBoolean("Deletes nothing and answers 200 with what would go.").optional(),
});

/** In the answer of a dry run. */
export const dryRunDone = z.boolean().meta({ description: "True: nothing was changed." });

/** `limit` and `cursor` of every list. A list adds its filters. */
export const listQuery = {
  limit: queryInteger(1, LIST_LIMIT_MAX, `Items at most; ${LIST_LIMIT_DEFAULT} where not given.`).optional(),
  cursor: z.string().max(1_024, "Is too long.").meta({ description: "`nextCursor` of the page before." }).optional(),
  prefix: z
    .string()
    .max(NAME_CHARS_MAX, `Must have at most ${NAME_CHARS_MAX} characters.`)
    .meta({ description: "First characters of the name." })
    .optional(),
};

export const pageFields = <T extends z.ZodType>(item: T) => ({
  items: z.array(item),
  nextCursor: z.string().nullable().meta({ description: "Continues the list; null on its last page." }),
  complete: z
    .boolean()
    .meta({ description: "False when a bound stopped the search before the page was full; go on at nextCursor." }),
});

/** One page of a list, as the schema `id`. */
export const page = <T extends z.ZodType>(item: T, id: string) => z.object(pageFields(item)).meta({ id });

/** The last page of a list that has `item` alone. */
export const pageExample = (item: unknown) => ({ items: [item], nextCursor: null, complete: true });

const effect = z.enum(["none", "unknown"]).meta({
  id: "Effect",
  description: "What the failed request changed: nothing; or perhaps nothing, a part, or all of what it asked for.",
});

const code = z.string().meta({ pattern: "^[A-Z][A-Z_]*$", description: "Stable name of the error." });

const fieldError = z
  .object({
    field: z.string().meta({ description: "JSON pointer into the body, or name of a parameter or header." }),
    detail: z.string(),
  })
  .meta({ id: "FieldError" });

/** Additional members of a problem document, by its code. */
const problemMembers = z
  .object({
    topic: z.string(),
    queueId,
    offset: offset("Of the message, or the first of the block, that is damaged."),
    minOffset: offset("Lowest offset there is."),
    maxOffset: offset("Highest offset that can be named."),
    committed: offset("What is committed, where a commit would go back."),
    lastSequence: count("The producer's last sequence that was stored."),
    state: z.string().meta({ description: "State of the transaction." }),
    line: count("Where the filter expression is wrong, from 1."),
    column: count("The same, in UTF-16 units."),
  })
  .partial().shape;

export const problem = z
  .object({
    type: z.string().meta({ format: "uri-reference", description: "Address of an explanation, relative to the server." }),
    title: z.string(),
    status: z.number().meta(shownAs(wholeNumber(400, 599))),
    detail: z.string().meta({ description: "What happened and what to do." }),
    instance: z.string().meta({ description: "Path of the request." }),
    code,
    requestId: z.string(),
    retryable: z.boolean().meta({ description: "The same request may succeed later." }),
    effect,
    errors: z.array(fieldError).optional(),
    ...problemMembers,
  })
  .meta({ id: "Problem", description: "RFC 9457 problem document." });

export const entryError = z
  .object({ code, detail: z.string(), retryable: z.boolean(), effect })
  .meta({ id: "EntryError", description: "Why one entry of a batch failed." });
