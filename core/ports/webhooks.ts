/** Requests to addresses that users give, signed according to Standard Webhooks. */
export interface Webhooks {
  /**
   * POSTs `body` once, as JSON: no second attempt, no redirect. Whatever the far side does is a value. Limits: WEBHOOK_DEADLINE_MS in
   * all, including name resolution and the reply; a reply of WEBHOOK_REPLY_BYTES_MAX; WEBHOOKS_IN_FLIGHT_MAX at once. Rejects with
   * RangeError for an id or a secret that no caller should have.
   * Source: Standard Webhooks 1.0.0.
   */
  post(request: WebhookRequest): Promise<WebhookReply>;
}

export interface WebhookRequest {
  readonly url: string;
  /** The bytes encoded in `whsec_…`: WEBHOOK_SECRET_BYTES_MIN to _MAX. */
  readonly secret: Uint8Array;
  /** The same for every attempt of one event, so that the far side recognises it. Matches WEBHOOK_ID. */
  readonly id: string;
  /** The time of this attempt, epoch milliseconds; sent in seconds. The far side refuses attempts that are some minutes old. */
  readonly timestampMs: number;
  /** UTF-8. Bytes are sent as they are, and must not change while they are sent. */
  readonly body: string | Uint8Array;
}

/** `ok` for a 2xx that was read to its end. `detail` is a sentence without secret, URL, address or text of the far side. */
export type WebhookReply =
  | { readonly ok: true; readonly status: number; readonly body: string }
  | { readonly ok: false; readonly reason: "status" | "redirect"; readonly status: number; readonly detail: string }
  | { readonly ok: false; readonly reason: WebhookFailure; readonly detail: string };

export type WebhookFailure =
  /** The current settings do not allow webhooks to this URL. */
  | "refused-url"
  /** The host is, or resolves to, only addresses that webhooks may not reach. */
  | "refused-address"
  /** Too many webhooks are under way: nothing was sent. */
  | "busy"
  | "dns"
  /** Refused, unreachable, or ended before the reply did. */
  | "connection"
  /** No handshake, or a certificate that is not the host's. */
  | "tls"
  | "timeout"
  /** A head or a body beyond its limit; the rest was not read. */
  | "too-large"
  /** Compressed although that was not accepted, or not UTF-8. */
  | "encoding"
  /** Not HTTP. */
  | "malformed";

/** Without full stops, which separate the signed parts. */
export const WEBHOOK_ID = /^[A-Za-z0-9_-]{1,64}$/;
export const WEBHOOK_SECRET_BYTES_MIN = 24;
export const WEBHOOK_SECRET_BYTES_MAX = 64;
export const WEBHOOK_DEADLINE_MS = 5_000;
export const WEBHOOK_REPLY_BYTES_MAX = 64 * 1_024;
export const WEBHOOKS_IN_FLIGHT_MAX = 128;
