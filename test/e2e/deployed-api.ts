import { readFileSync } from "node:fs";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { METADATA_CACHE_MS } from "../../core/limits.ts";
import type { Target } from "../support/http/http-api.ts";
import type { HttpServer } from "../support/http/http-client.ts";

/** The deployed API, and how this machine gets to it. Plain data: it travels to other processes as JSON. */
export interface DeployedApi {
  /** As the deployment printed it. */
  readonly url: string;
  readonly apiKey: string;
  /** Where MiniStack listens on the loopback address: no name server knows the URL's host. */
  readonly port: number;
  /** PEM file of the authority that signed its certificate. */
  readonly ca: string;
}

/** Whoever waits finds out by looking: the send was another instance's. */
const POLLING_MS_MAX = SHARED_STORE.polling?.mostMs ?? 0;

/** A request needs an instance of its own, which is a process: more at once than a small machine can start only wait for each other. */
const CONNECTIONS_MAX = 12;

const headersOf = ({ apiKey }: DeployedApi) => ({ authorization: `Bearer ${apiKey}` });

export const targetOf = (api: DeployedApi): Target => ({
  baseUrl: () => new URL(api.url).origin,
  headers: () => headersOf(api),
  gateway: true,
  wakeMsMax: POLLING_MS_MAX + 1_000,
  changesKnownAfterMs: METADATA_CACHE_MS,
});

export const httpServerOf = (api: DeployedApi): HttpServer => ({
  url: new URL(api.url).origin,
  headers: headersOf(api),
  connect: connectTo(api),
});

/** For `fetch`. MiniStack hands a path over decoded, where AWS leaves it as it was sent: its percent signs go out encoded twice. */
export const dispatcherOf = (api: DeployedApi): Dispatcher =>
  new Agent({ connect: connectTo(api), connections: CONNECTIONS_MAX }).compose((dispatch) => (options, handler) => {
    const [path = "", query] = options.path.split("?", 2);
    const encoded = path.replaceAll("%", "%25");
    return dispatch({ ...options, path: query === undefined ? encoded : `${encoded}?${query}` }, handler);
  });

/** TLS to the URL's own name, at MiniStack's address. */
function connectTo({ port, ca }: DeployedApi): buildConnector.connector {
  const connect = buildConnector({ ca: readFileSync(ca) });
  return (options, callback) =>
    connect(
      { ...options, servername: options.servername || options.hostname, hostname: "127.0.0.1", port: String(port) },
      callback,
    );
}
