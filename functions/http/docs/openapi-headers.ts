import type { ErrorCodeName } from "../../../core/errors.ts";
import type { JsonSchema } from "./json-schemas.ts";

/** A header of an answer, as OpenAPI describes it. */
export interface Header {
  readonly description: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

const text = { type: "string" };

/** Headers of the answers of many routes. */
export const HEADERS = {
  "X-Request-Id": { description: "Names the request in the server's log.", required: true, schema: text },
  "Server-Timing": { description: "How long the server took, in milliseconds.", required: true, schema: text },
  "Retry-After": { description: "Seconds to wait before the request is repeated.", required: true, schema: { type: "integer" } },
  "WWW-Authenticate": { description: "How to send the key.", required: true, schema: text },
  "Idempotency-Replayed": {
    description: "`true` where an earlier request with the same Idempotency-Key was answered so.",
    required: false,
    schema: text,
  },
} as const satisfies Record<string, Header>;

type Name = keyof typeof HEADERS;

const references = (...names: Name[]): Record<string, { readonly $ref: string }> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** Headers of every answer. */
export const ANSWER_HEADERS = references("X-Request-Id", "Server-Timing");

/** Additional headers of a problem document, by its status and possible codes. */
export function problemHeaders(
  status: number,
  codes: readonly ErrorCodeName[],
): Record<string, Header | { readonly $ref: string }> {
  if (status === 401) return references("WWW-Authenticate");
  if (status === 429 || status === 503) return references("Retry-After");
  if (codes.includes("REQUEST_IN_PROGRESS")) return { "Retry-After": { ...HEADERS["Retry-After"], required: false } };
  return {};
}
