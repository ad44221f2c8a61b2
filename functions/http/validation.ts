import type { z } from "zod";
import { BrokerError, type FieldError } from "../../core/errors.ts";

const ERRORS_MAX = 20;

/** How the place of a wrong value is written: a JSON pointer into the body, or the name of a query parameter. */
type FieldName = (path: readonly PropertyKey[]) => string;

const pointer: FieldName = (path) =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("") || "/";
const parameter: FieldName = (path) => path.map(String).join(".");

/** Checks `value` against `schema`. Errors: BAD_REQUEST with every wrong field. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where: "body" | "query"): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw asBadRequest(parsed.error, where === "body" ? pointer : parameter);
}

function asBadRequest(error: z.ZodError, nameOf: FieldName): BrokerError {
  const errors: FieldError[] = [];
  for (const issue of error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys.slice(0, ERRORS_MAX)) {
        errors.push({ field: nameOf([...issue.path, key]), detail: "There is no such field." });
      }
    } else errors.push({ field: nameOf(issue.path), detail: issue.message });
  }
  const shown = errors.slice(0, ERRORS_MAX).map(({ field, detail }) => ({ field: field.slice(0, 200), detail }));
  const [first] = shown;
  const count = error.issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
  const others = count > 1 ? ` (and ${count - 1} more)` : "";
  return new BrokerError("BAD_REQUEST", first ? `${first.field}: ${first.detail}${others}` : "The request is invalid.", {
    errors: shown,
  });
}
