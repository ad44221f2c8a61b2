import { BrokerError } from "../../../core/errors.ts";
import { type Cors, originNotAllowed } from "./cors.ts";

/** What is known of a request before it is read. */
export interface ArrivedRequest {
  /** Of the contract, with its parameters in braces. */
  readonly routePath: string;
  /** As in "1.1"; absent where the runtime does not tell. */
  readonly httpVersion?: string;
  /** Address of this machine that the connection came in at. */
  readonly localAddress?: string | undefined;
  /** `name` in lower case. */
  header(name: string): string | undefined;
}

/** Load balancers and supervisors ask these by any name, and they change nothing. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
const LOOPBACK = /^(?:localhost|(?:[a-z0-9-]+\.)+localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const PORT = /:\d{1,5}$/;
/** Where a browser says that a page of another site, or of another origin of the same one, sends the request. */
const FOREIGN_SITES: ReadonlySet<string> = new Set(["cross-site", "same-site"]);

/**
 * A server that wants no key is for this machine's own programs. A browser here is one of them, and does what the pages it shows
 * ask of it: these rules tell such requests from others, by what a browser always sends and no page can change.
 *
 * - A page may be served under a name that its owner then points at this machine. So the Host must be a name of this machine, or
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
    // No browser speaks HTTP/1.0, nor leaves the Host out.
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
    // A link on another page may lead to the documentation: it says nothing of the data and changes none.
    if (!routePath.startsWith("/v1/")) return;
    const site = header("sec-fetch-site");
    if (site !== undefined && FOREIGN_SITES.has(site)) throw originNotAllowed(header("referer") ?? "another origin");
  }
}

/** An IPv6 address as a Host has it. */
const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
