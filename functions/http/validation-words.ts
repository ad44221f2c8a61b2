import type { z } from "zod";

const KINDS: Readonly<Record<string, string>> = {
  array: "an array",
  boolean: "true or false",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a string",
};

/** The message for an issue whose schema gives none, in place of zod's. */
export const inPlainWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "unrecognized_keys":
      return JSON.stringify(fieldsOf(issue.inst));
    case "invalid_type":
      return `Must be ${issue.expected === "object" ? outlineOf(issue.inst) : (KINDS[issue.expected] ?? "of another type")}.`;
    case "invalid_union":
      return "Has none of the forms it may have.";
    default:
      return "Is not a value it may have.";
  }
};

/** The fields that an object may have. An unknown-field issue carries them in its message, which is made with the schema at hand. */
export const knownFieldsIn = ({ message }: z.core.$ZodIssueUnrecognizedKeys): readonly string[] =>
  JSON.parse(message) as string[];

const fieldsOf = (schema: unknown): readonly string[] => Object.keys(shapeOf(schema));

/** `an object: {"type", "expression"}`, with its required fields. */
function outlineOf(schema: unknown): string {
  const fields = Object.entries(shapeOf(schema));
  const required = fields.filter(([, field]) => field._zod.optin !== "optional").map(([name]) => JSON.stringify(name));
  if (required.length === 0) return "an object";
  return `an object: {${[...required, ...(required.length < fields.length ? ["…"] : [])].join(", ")}}`;
}

function shapeOf(schema: unknown): Readonly<Record<string, z.core.$ZodType>> {
  const { def } = (schema as Partial<z.core.$ZodType> | undefined)?._zod ?? {};
  return def?.type === "object" ? (def as z.core.$ZodObjectDef).shape : {};
}
