import { BrokerError } from "../../../core/errors.ts";
import { emptyReply, type Reply } from "../reply.ts";

type HeaderOf = (name: string) => string | undefined;

const METHODS = "GET, HEAD, PUT, PATCH, POST, DELETE";
/** Headers that pages may read besides those that every page may. */
const READABLE = [
  "Allow",
  "Date",
  "ETag",
  "Idempotency-Replayed",
  "Location",
  "Preference-Applied",
  "Retry-After",
  "Server-Timing",
  "WWW-Authenticate",
  "X-Request-Id",
].join(", ");
/** Seconds for which a browser remembers the answer: no browser does for longer than two hours. */
const REMEMBERED_SECONDS = "7200";
const HEADER_NAMES = /^[A-Za-z0-9 ,!#$%&'*+.^_`|~-]{1,1024}$/;

/**
 * Which web pages of other origins may call the API. A page of a listed origin may send credentials, and the answer names its origin.
 * If any origin may call, none may send credentials. So a server is open to all origins only if it wants a key.
 * Source: the Fetch standard, 3.2 "CORS protocol".
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #any: boolean;

  /** `origins` are as browsers write them, such as "https://console.example"; "*" is any. */
  constructor(origins: readonly string[] = []) {
    this.#origins = new Set(origins);
    this.#any = this.#origins.has("*");
  }

  allows(origin: string): boolean {
    return this.#any || this.#origins.has(origin);
  }

  /** The answer to a browser's preflight request; `undefined` for any other request. */
  preflight(method: string, header: HeaderOf): Reply | undefined {
    if (method !== "OPTIONS") return undefined;
    const origin = header("origin");
    if (origin === undefined || header("access-control-request-method") === undefined) return undefined;
    if (!this.allows(origin)) throw originNotAllowed(origin);
    const names = header("access-control-request-headers");
    return emptyReply(204, {
      "Access-Control-Allow-Methods": METHODS,
      ...(names !== undefined && HEADER_NAMES.test(names) ? { "Access-Control-Allow-Headers": names } : {}),
      ...(header("access-control-request-private-network") === "true" ? { "Access-Control-Allow-Private-Network": "true" } : {}),
      "Access-Control-Max-Age": REMEMBERED_SECONDS,
    });
  }

  /**
   * The headers of every answer to `origin`, with which the page may read it; none if no page of another origin may. `vary`: other
   * headers that the answer depends on.
   */
  headersFor(origin: string | undefined, vary?: string): Readonly<Record<string, string>> | undefined {
    if (this.#any) return { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": READABLE };
    if (this.#origins.size === 0) return undefined;
    // A cache must not show the answer for one origin to another.
    const Vary = vary === undefined ? "Origin" : `Origin, ${vary}`;
    if (origin === undefined || !this.#origins.has(origin)) return { Vary };
    return {
      "Access-Control-Allow-Origin": origin,
      "Access-Control-Allow-Credentials": "true",
      "Access-Control-Expose-Headers": READABLE,
      Vary,
    };
  }
}

export const originNotAllowed = (origin: string): BrokerError =>
  new BrokerError(
    "ORIGIN_NOT_ALLOWED",
    `Web pages of ${JSON.stringify(origin.slice(0, 200))} may not call this server. Name the origin in CORS_ORIGINS to let them.`,
  );
