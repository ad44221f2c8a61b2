import { createHmac } from "node:crypto";
import {
  WEBHOOK_DEADLINE_MS,
  WEBHOOK_ID,
  WEBHOOK_SECRET_BYTES_MAX,
  WEBHOOK_SECRET_BYTES_MIN,
  WEBHOOKS_IN_FLIGHT_MAX,
  type WebhookReply,
  type WebhookRequest,
  type Webhooks,
} from "../../core/ports/webhooks.ts";
import type { WebhookTargets } from "../../core/webhooks/webhook-targets.ts";
import { hostOf, parseWebhookUrl } from "../../core/webhooks/webhook-url.ts";
import { exchange } from "./exchange.ts";
import { failed } from "./failed-webhook.ts";
import { HostLookups } from "./host-lookups.ts";
import { type Lookup, resolveHost } from "./resolve-host.ts";

export interface HttpWebhooksOptions {
  readonly targets: WebhookTargets;
  /** Default: the hosts file and the system's name servers; then the system's resolver, if private ranges are allowed. */
  readonly lookup?: Lookup;
  /** PEM of the authorities to trust. Default: those that Node trusts. */
  readonly ca?: string;
  /** Default: WEBHOOK_DEADLINE_MS. */
  readonly deadlineMs?: number;
}

/**
 * Webhooks over HTTPS. It assumes that whoever names the URL wants to reach what only this process can reach. The name is resolved
 * once, its addresses are checked, and the connection goes to one of those: a name server gets no second question that it could answer
 * differently.
 */
export class HttpWebhooks implements Webhooks {
  readonly #targets: WebhookTargets;
  readonly #lookup: Lookup;
  readonly #ca: string | undefined;
  readonly #deadlineMs: number;
  #inFlight = 0;

  constructor({ targets, lookup, ca, deadlineMs }: HttpWebhooksOptions) {
    this.#targets = targets;
    this.#lookup = lookup ?? new HostLookups({ searchSystem: targets.allowedRanges.length > 0 }).lookUp;
    this.#ca = ca;
    this.#deadlineMs = deadlineMs ?? WEBHOOK_DEADLINE_MS;
  }

  async post(request: WebhookRequest): Promise<WebhookReply> {
    const body = typeof request.body === "string" ? Buffer.from(request.body) : request.body;
    const headers = signWebhook(request, body);
    const parsed = parseWebhookUrl(request.url, this.#targets);
    if (!parsed.ok) return parsed;
    if (this.#inFlight >= WEBHOOKS_IN_FLIGHT_MAX) return failed("busy", "Too many webhooks are under way.");
    return this.#withinDeadline((signal) => this.#send(parsed.url, headers, body, signal));
  }

  async #send(url: URL, headers: Record<string, string>, body: Uint8Array, signal: AbortSignal): Promise<WebhookReply> {
    const host = await resolveHost(hostOf(url), this.#targets, this.#lookup, signal);
    if (!host.ok) return host;
    // It is too late, and nobody waits. A request would still open its connection.
    if (signal.aborted) return this.#timedOut();
    return exchange({ url, addresses: host.addresses, headers, body, ca: this.#ca }, signal);
  }

  /** Work that misses the deadline is cancelled, and stays counted until it has ended. */
  async #withinDeadline(work: (signal: AbortSignal) => Promise<WebhookReply>): Promise<WebhookReply> {
    this.#inFlight += 1;
    const deadline = new AbortController();
    const worked = work(deadline.signal).finally(() => {
      this.#inFlight -= 1;
    });
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<WebhookReply>((resolve) => {
      timer = setTimeout(() => {
        resolve(this.#timedOut());
        deadline.abort();
      }, this.#deadlineMs);
    });
    try {
      return await Promise.race([worked, timedOut]);
    } finally {
      clearTimeout(timer);
    }
  }

  #timedOut(): WebhookReply {
    return failed("timeout", `The endpoint did not answer within ${this.#deadlineMs} ms.`);
  }
}

/** The headers that let the far side verify `body`, the very bytes that are sent. Errors: RangeError. Source: Standard Webhooks 1.0.0. */
function signWebhook({ id, secret, timestampMs }: WebhookRequest, body: Uint8Array): Record<string, string> {
  if (!WEBHOOK_ID.test(id)) throw new RangeError("a webhook's id is not one");
  if (secret.length < WEBHOOK_SECRET_BYTES_MIN || secret.length > WEBHOOK_SECRET_BYTES_MAX) {
    throw new RangeError(`a webhook's secret has ${secret.length} bytes`);
  }
  const timestamp = String(Math.floor(timestampMs / 1_000));
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
