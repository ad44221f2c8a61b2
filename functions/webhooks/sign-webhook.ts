import { createHmac } from "node:crypto";
import {
  WEBHOOK_ID,
  WEBHOOK_SECRET_BYTES_MAX,
  WEBHOOK_SECRET_BYTES_MIN,
  type WebhookRequest,
} from "../../core/ports/webhooks.ts";

/** The headers with which the far side verifies `body`, exactly the bytes sent. Errors: RangeError. Source: Standard Webhooks 1.0.0. */
export function signWebhook({ id, secret, timestampMs }: WebhookRequest, body: Uint8Array): Record<string, string> {
  if (!WEBHOOK_ID.test(id)) throw new RangeError("a webhook's id is not one");
  if (secret.length < WEBHOOK_SECRET_BYTES_MIN || secret.length > WEBHOOK_SECRET_BYTES_MAX) {
    throw new RangeError(`a webhook's secret has ${secret.length} bytes`);
  }
  const timestamp = String(Math.floor(timestampMs / 1_000));
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
