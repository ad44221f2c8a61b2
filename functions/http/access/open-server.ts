import { BrokerError } from "../../../core/errors.ts";
import { type Cors, originNotAllowed } from "./cors.ts";

/** The parts of a request that are known before its body is read. */
export interface ArrivedRequest {
  /** The route's path in the contract, with parameters in braces. */
  readonly routePath: string;
  /** As in "1.1"; absent if the runtime does not tell. */
  readonly httpVersion?: string;
  /** The local address of the connection. */
  readonly localAddress?: string | undefined;
  /** `name` in lower case. */
  header(name: string): string | undefined;
}

/** Load balancers and supervisors request these under any name, and they change nothing. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
const LOOPBACK = /^(?:localhost|(?:[a-z0-9-]+\.)+localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const PORT = /:\d{1,5}$/;
/** Values of Sec-Fetch-Site with which a browser marks requests from a page of another site, or of another origin of the same site. */
const FOREIGN_SITES: ReadonlySet<string> = new Set(["cross-site", "same-site"]);

/**
 * A server without a key is for programs of this machine. A browser is one of them, and sends requests for the pages that it shows.
 * These rules recognise such requests by headers that a browser always sends and no page can change.
 *
 * - A page may be served under a name whose owner then points it at this machine. So the Host must be a name of this machine, or
 *   one that the settings allow.
 * - A page may send plain requests to any address. So a request must not come from a page of another origin, unless the settings
 *   allow that origin.
 */
export class OpenServer {
  readonly #hosts: ReadonlySet<string>;
  readonly #cors: Cors;

  /** `hosts` are names and addresses allowed besides this machine's own; "*" is any. */
  constructor(hosts: readonly string[], cors: Cors) {
    this.#hosts = new Set(hosts.map((host) => bracketed(host.toLowerCase())));
    this.#cors = cors;
  }

  /** Errors: MISDIRECTED_REQUEST, ORIGIN_NOT_ALLOWED. */
  check(request: ArrivedRequest): void {
    if (HEALTH_PATHS.has(request.routePath)) return;
    this.#checkHost(request);
    this.#checkOrigin(request);
  }

  #checkHost({ httpVersion, localAddress, header }: ArrivedRequest): void {
    // No browser speaks HTTP/1.0 or omits the Host.
    if (httpVersion === "1.0") return;
    const host = header("host")?.toLowerCase().replace(PORT, "") ?? "";
    if (host === "" || LOOPBACK.test(host) || this.#hosts.has("*") || this.#hosts.has(host)) return;
    if (localAddress !== undefined && host === bracketed(localAddress.replace(/^::ffff:/, ""))) return;
    throw new BrokerError(
      "MISDIRECTED_REQUEST",
      `This server wants no key, so it answers to names of its own machine alone, not to ${JSON.stringify(host.slice(0, 200))}. ` +
        "Set API_KEY, or name the host in ALLOWED_HOSTS.",
    );
  }

  #checkOrigin({ routePath, header }: ArrivedRequest): void {
    const origin = header("origin");
    if (origin !== undefined) {
      if (origin.replace(/^https?:\/\//, "") === header("host") || this.#cors.allows(origin)) return;
      throw originNotAllowed(origin);
    }
    // Links on other pages may lead to the documentation, which shows no data and changes none.
    if (!routePath.startsWith("/v1/")) return;
    const site = header("sec-fetch-site");
    if (site !== undefined && FOREIGN_SITES.has(site)) throw originNotAllowed(header("referer") ?? "another origin");
  }
}

/** An IPv6 address in the form of a Host. */
const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
