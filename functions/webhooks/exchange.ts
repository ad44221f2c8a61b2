import type { LookupAddress } from "node:dns";
import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import type { WebhookReply } from "../../core/ports/webhooks.ts";
import { hostOf } from "../../core/webhooks/webhook-url.ts";
import { type FailedWebhook, failed } from "./failed-webhook.ts";
import { readReply } from "./read-reply.ts";

const PIECE_BYTES = 64 * 1_024;
const HEAD_BYTES_MAX = 16 * 1_024;

export interface Exchange {
  readonly url: URL;
  /** The only addresses to connect to. */
  readonly addresses: readonly LookupAddress[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** PEM; default: the authorities that Node trusts. */
  readonly ca: string | undefined;
}

/** One request and its reply, over a new connection that ends with it. Never rejects. */
export function exchange(wanted: Exchange, signal: AbortSignal): Promise<WebhookReply> {
  return new Promise((resolve) => {
    const secure = wanted.url.protocol === "https:";
    const request = (secure ? httpsRequest : httpRequest)(optionsOf(wanted, signal));
    const settle = (reply: WebhookReply): void => {
      resolve(reply);
      request.destroy();
    };
    const handshake = watchHandshake(request, secure);
    let answered = false;
    request.on("response", (response) => {
      answered = true;
      void readReply(response).then(settle);
    });
    request.on("error", (error) => settle(failureOf(error, handshake.pending)));
    // A reply of 101 closes the connection without an error.
    request.on("close", () => {
      if (!answered) settle(failed("connection", "The connection ended before there was a reply."));
    });
    Readable.from(piecesOf(wanted.body)).pipe(request);
  });
}

/** Pieces, because TLS would hold everything that it gets at once a second time, encrypted. */
function* piecesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}

/** Sets explicitly what flags or variables of the process could weaken. */
function optionsOf({ url, addresses, headers, body, ca }: Exchange, signal: AbortSignal): RequestOptions {
  return {
    method: "POST",
    hostname: hostOf(url),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    headers: {
      ...headers,
      "content-type": "application/json",
      "content-length": body.length,
      accept: "application/json",
      "accept-encoding": "identity",
      "user-agent": "Apogee",
    },
    // No connection is kept, shared, or made through a proxy.
    agent: false,
    lookup: answering(addresses),
    signal,
    maxHeaderSize: HEAD_BYTES_MAX,
    insecureHTTPParser: false,
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  };
}

/** Replaces the resolver, so that only checked addresses are connected to. It is never called for a URL with an address. */
function answering(addresses: readonly LookupAddress[]): LookupFunction {
  const [first] = addresses;
  return (_host, { all }, callback) => {
    // Deferred, as in a resolver: the socket has no error listeners before this function returns.
    if (all) process.nextTick(callback, null, addresses);
    else process.nextTick(callback, null, first?.address, first?.family);
  };
}

function watchHandshake(request: ClientRequest, secure: boolean): { pending: boolean } {
  const handshake = { pending: false };
  if (!secure) return handshake;
  request.on("socket", (socket) => {
    socket.once("connect", () => {
      handshake.pending = true;
    });
    socket.once("secureConnect", () => {
      handshake.pending = false;
    });
  });
  return handshake;
}

function failureOf({ code = "unknown" }: NodeJS.ErrnoException, handshaking: boolean): FailedWebhook {
  if (code === "HPE_HEADER_OVERFLOW") return failed("too-large", `The head of the reply has more than ${HEAD_BYTES_MAX} bytes.`);
  if (code.startsWith("HPE_")) return failed("malformed", `The reply is not HTTP (${code}).`);
  if (handshaking) return failed("tls", `The TLS handshake failed (${code}).`);
  return failed("connection", `The connection failed (${code}).`);
}
