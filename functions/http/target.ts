import { BrokerError, badField } from "../../core/errors.ts";

/** Splits a request target into its path and its query, both still encoded. */
export function splitTarget(target: string): { path: string; query: string } {
  const fragment = target.indexOf("#");
  const whole = fragment < 0 ? target : target.slice(0, fragment);
  const mark = whole.indexOf("?");
  return mark < 0 ? { path: whole, query: "" } : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/** Errors: BAD_REQUEST when a percent sign is not followed by two digits, or the bytes are not UTF-8. */
export function decodeComponent(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BrokerError("BAD_REQUEST", "The URL is not percent-encoded UTF-8. Write a percent sign as %25.");
  }
}

/** Errors: BAD_REQUEST for malformed encoding, or a parameter given twice. */
export function parseQuery(query: string): Record<string, string> {
  const parameters: Record<string, string> = Object.create(null);
  if (query === "") return parameters;
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeComponent((equals < 0 ? pair : pair.slice(0, equals)).replaceAll("+", " "));
    if (name in parameters) {
      throw badField(name.slice(0, 200), "It is given twice.");
    }
    parameters[name] = equals < 0 ? "" : decodeComponent(pair.slice(equals + 1).replaceAll("+", " "));
  }
  return parameters;
}
