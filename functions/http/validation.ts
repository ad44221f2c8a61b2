import type { z } from "zod";
import { BrokerError, type FieldError } from "../../core/errors.ts";
import { nearestName } from "./nearest-name.ts";
import { inPlainWords, knownFieldsIn } from "./validation-words.ts";

const ERRORS_MAX = 20;

type Place = "body" | "query";
type Issue = z.core.$ZodIssue;

/** Checks `value` against `schema`. Errors: BAD_REQUEST with every wrong field. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where: Place): T {
  const parsed = schema.safeParse(value, { error: inPlainWords, reportInput: true });
  if (parsed.success) return parsed.data;
  throw asBadRequest(parsed.error, where);
}

function asBadRequest(error: z.ZodError, where: Place): BrokerError {
  // Misspelt fields come first, because missing ones often follow from them.
  const issues = error.issues.flatMap(decided).sort((one, other) => Number(isUnknown(other)) - Number(isUnknown(one)));
  const count = issues.reduce((sum, issue) => sum + (isUnknown(issue) ? issue.keys.length : 1), 0);
  const errors = issues.slice(0, ERRORS_MAX).flatMap((issue) => fieldErrors(issue, where));
  const shown = errors.slice(0, ERRORS_MAX).map(({ field, detail }) => ({ field: field.slice(0, 200), detail }));
  const [first] = shown;
  const others = count > 1 ? ` (and ${count - 1} more)` : "";
  return new BrokerError("BAD_REQUEST", first ? `${first.field}: ${first.detail}${others}` : "The request is invalid.", {
    errors: shown,
  });
}

const isUnknown = (issue: Issue) => issue.code === "unrecognized_keys";

function fieldErrors(issue: Issue, where: Place): readonly FieldError[] {
  if (!isUnknown(issue)) {
    // Neither JSON nor a query can say "undefined": the value is missing.
    const detail = issue.input === undefined ? "Is required." : issue.message;
    return [{ field: fieldName(issue.path, where), detail }];
  }
  const known = knownFieldsIn(issue);
  return issue.keys.slice(0, ERRORS_MAX).map((key) => ({
    field: fieldName([...issue.path, key], where),
    detail: `There is no such ${where === "body" ? "field" : "parameter"}.${nearestName(key, known)}`,
  }));
}

/** Codes of issues about a value of another kind altogether. */
const OTHER_KIND: ReadonlySet<Issue["code"]> = new Set(["invalid_type", "invalid_value", "invalid_union"]);

/** If a value may have several forms and has the outline of one, the issues of that form; else the issue itself. */
function decided(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union" || issue.input === undefined) return [issue];
  const outlined = issue.errors.filter((form) => form.every(({ code, path }) => path.length > 0 || !OTHER_KIND.has(code)));
  const meant = outlined.length === 1 ? outlined : outlined.filter((form) => form.every(({ code }) => code !== "invalid_value"));
  const [form] = meant;
  if (form === undefined || meant.length > 1) return [issue];
  return form.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(decided);
}

/** The place of a wrong value: a JSON pointer into the body, or the name of a query parameter. */
function fieldName(path: readonly PropertyKey[], where: Place): string {
  if (where === "query") return path.map(String).join(".");
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("") || "/";
}
