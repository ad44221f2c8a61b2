import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { BrokerError } from "../../../core/errors.ts";
import { nearestName } from "../../../functions/http/nearest-name.ts";
import { createRoutes } from "../../../functions/http/routes/all-routes.ts";
import { message } from "../../../functions/http/schemas/messages.ts";
import { validate } from "../../../functions/http/validation.ts";

/** Making the routes calls nothing they depend on. */
const ROUTES = createRoutes({} as Parameters<typeof createRoutes>[0]);
const SCHEMAS: readonly (readonly [name: string, schema: z.ZodType, where: "body" | "query"])[] = [
  ...ROUTES.flatMap(({ method, path, query }) => (query ? [[`${method} ${path}?`, query, "query"] as const] : [])),
  ...ROUTES.flatMap(({ method, path, body }) =>
    body?.kind === "json" ? [[`${method} ${path}`, body.schema, "body"] as const] : [],
  ),
  ["an entry of a batch", message, "body"],
];

/** Every field that any schema knows, and some that none does. */
const FIELDS = [...new Set(SCHEMAS.flatMap(([, schema]) => [...fieldsOf(schema)])), "colour", "tags", "__proto__", ""];

function* fieldsOf(schema: z.core.$ZodType): Generator<string> {
  const def = schema._zod.def as unknown as Record<string, unknown>;
  for (const [name, field] of Object.entries((def.shape as Record<string, z.core.$ZodType>) ?? {})) {
    yield name;
    yield* fieldsOf(field);
  }
  const inner = [def.innerType, def.element, def.in, ...((def.options as unknown[]) ?? [])];
  for (const one of inner) if (one !== undefined && typeof one === "object") yield* fieldsOf(one as z.core.$ZodType);
}

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, "", "x", "TAG", "CONFIG", "MACHINE_ROOM", "latest", "true", "1"),
  fc.string({ maxLength: 5 }),
  fc.constant("x".repeat(300)),
);
const { value: anyBody } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "large" },
    scalar,
    fc.dictionary(fc.constantFrom(...FIELDS), tie("value"), { maxKeys: 5 }),
    fc.array(tie("value"), { maxLength: 4 }),
  ),
}));
const anyQuery = fc.dictionary(
  fc.constantFrom(...FIELDS),
  fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("0", "-1", "x")),
);

/** Words that the validator has of its own. */
const FOREIGN = /invalid|unrecognized|expected|received|too (small|big)|^\[|has none of the forms|not a value it may have/i;

function refusalOf(schema: z.ZodType, value: unknown, where: "body" | "query" = "body"): BrokerError | undefined {
  try {
    validate(schema, value, where);
    return undefined;
  } catch (error) {
    if (BrokerError.is(error)) return error;
    throw error;
  }
}

describe("what is wrong with a request", () => {
  it.each(SCHEMAS)("is told in plain words: %s", (_name, schema, where) => {
    const check = (value: unknown) => {
      const refusal = refusalOf(schema, value, where);
      for (const { field, detail } of refusal?.errors ?? []) {
        expect(detail, `${field} of ${JSON.stringify(value)}`).not.toMatch(FOREIGN);
        expect(detail).toMatch(/^[A-Z].*[.?]$/);
      }
    };
    fc.assert(fc.property(where === "body" ? anyBody : anyQuery, check), { numRuns: 400 });
    // Every field with a value of every kind, whatever else is missing.
    const known = [...fieldsOf(schema)];
    for (const name of known)
      for (const value of [null, true, 1, "x", [], {}, [null], [[]], [{}], { x: {} }]) {
        if (where === "query" && typeof value !== "string") continue;
        check({ [name]: value });
        for (const outer of known)
          if (where === "body") for (const held of [{ [name]: value }, [{ [name]: value }]]) check({ [outer]: held });
      }
  });

  it("is the first twenty of many errors, and their number", () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`unknown${index}`, 1]));
    const startMs = performance.now();
    const refusal = refusalOf(message, many);
    expect(performance.now() - startMs).toBeLessThan(500);
    expect(refusal?.message).toBe("/unknown0: There is no such field. (and 100000 more)");
    expect(refusal?.errors).toHaveLength(20);
  });
});

describe("the nearest name", () => {
  it("is one that a slip of the pen, or another broker, is away", () => {
    expect(nearestName("Tags", ["tag", "keys"])).toBe(" Did you mean 'tag'?");
    expect(nearestName("maxNumberOfMessages", ["topics", "max"])).toBe(" Did you mean 'max'?");
    expect(nearestName("VisibilityTimeout", ["receiptHandle", "leaseSeconds"])).toBe(" Did you mean 'leaseSeconds'?");
    expect(nearestName("colour", ["tag", "keys"])).toBe("");
    expect(nearestName("visibilityTimeout", ["tag"])).toBe("");
    for (const name of ["constructor", "__proto__", "", "x".repeat(100_000)]) expect(nearestName(name, ["tag"])).toBe("");
  });
});
