import { z } from "zod";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Schemas as JSON Schema, as requests write them. */
export interface JsonSchemas {
  /** The JSON Schema of a given schema: a reference if it has an id. */
  of(schema: z.ZodType): JsonSchema;
  /** The schemas that are referred to, by id. */
  readonly components: Readonly<Record<string, JsonSchema>>;
}

/** Translates all schemas together, so that one with an id is described once. `json` in a schema's meta replaces everything derived. */
export function jsonSchemas(schemas: Iterable<z.ZodType>): JsonSchemas {
  const names = new Map(Array.from(new Set(schemas), (schema, at) => [schema, String(at)] as const));
  const holder = z.object(Object.fromEntries(Array.from(names, ([schema, name]) => [name, schema])));
  const translated = z.toJSONSchema(holder, {
    io: "input",
    unrepresentable: "any",
    override({ jsonSchema }) {
      const { json, description, example } = jsonSchema as { json?: JsonSchema; description?: string; example?: unknown };
      if (json === undefined) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, json, description && { description }, example !== undefined && { example });
    },
  });
  const { $defs = {}, properties = {} } = JSON.parse(JSON.stringify(translated), simplify);
  return {
    of(schema) {
      const name = names.get(schema);
      if (name === undefined) throw new Error("a schema that was not translated");
      return properties[name];
    },
    components: $defs,
  };
}

/** Simplifies forms that client generators trip over. Values come from the inside out. */
function simplify(_key: string, value: unknown): unknown {
  if (typeof value === "string") return value.replace(/^#\/\$defs\//, "#/components/schemas/");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const schema = { ...value } as Record<string, unknown>;
  // A map of properties may have a property of that name, so only non-schemas are dropped.
  if (typeof schema.id === "string") delete schema.id;
  if (JSON.stringify(schema.propertyNames) === '{"type":"string"}') delete schema.propertyNames;
  return orNull(schema);
}

/** Rewrites `anyOf` of a type and null as a nullable type. */
function orNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || anyOf[1]?.type !== "null") return schema;
  const { type, ...some } = anyOf[0];
  if (typeof type !== "string" || "enum" in some) return schema;
  return { type: [type, "null"], ...some, ...rest };
}
