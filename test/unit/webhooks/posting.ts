import { expect } from "vitest";
import type { WebhookReply, WebhookRequest } from "../../../core/ports/webhooks.ts";
import { HttpWebhooks, type HttpWebhooksOptions } from "../../../functions/webhooks/http-webhooks.ts";
import { httpTargetsOf } from "./targets.ts";

const SECRET = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
const BODY = '{"transactionId":"never-to-be-repeated"}';
const TOKEN = "token-of-the-url";

export const LOOPBACK = [{ address: "127.0.0.1", family: 4 }];

/** A request to this path of `host`, which is loopback unless the test says otherwise. */
export const requestTo = ({ port }: { readonly port: number }, path = "/checks", host = "127.0.0.1"): WebhookRequest => ({
  url: `http://${host}:${port}${path}?${TOKEN}`,
  secret: SECRET,
  id: "msg_1",
  timestampMs: 1_614_265_330_999,
  body: BODY,
});

/** Plain HTTP to 127.0.0.1 and nowhere else. */
export const loopbackWebhooks = (options: Partial<HttpWebhooksOptions> = {}): HttpWebhooks =>
  new HttpWebhooks({ targets: httpTargetsOf("127.0.0.1/32"), ...options });

/** Posts, and wants no word of what is secret, or of where it went, in what a failure says. */
export async function post(webhooks: HttpWebhooks, request: WebhookRequest): Promise<WebhookReply> {
  const reply = await webhooks.post(request);
  if (!reply.ok) {
    expect(reply.detail).toMatch(/^[A-Z].*\.$/);
    for (const secret of [SECRET.toString("base64"), "never-to-be-repeated", TOKEN, new URL(request.url).hostname, "127.0.0."]) {
      // The example of a setting is the same whatever the host resolves to.
      expect(reply.detail.replace("WEBHOOK_ALLOW_PRIVATE=127.0.0.0/8", "")).not.toContain(secret);
    }
  }
  return reply;
}
