import type { IncomingMessage } from "node:http";
import { WEBHOOK_REPLY_BYTES_MAX, type WebhookReply } from "../../core/ports/webhooks.ts";
import { failed } from "./failed-webhook.ts";

/** Reads the body of a 2xx up to the limit. Other bodies are not read. Never rejects. */
export async function readReply(response: IncomingMessage): Promise<WebhookReply> {
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400) {
    return { ok: false, reason: "redirect", status, detail: `The endpoint answered ${status}: redirects are not followed.` };
  }
  if (status < 200 || status >= 400) return { ok: false, reason: "status", status, detail: `The endpoint answered ${status}.` };
  const encoding = headers["content-encoding"]?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== "identity") {
    return failed("encoding", "The reply is compressed, which Accept-Encoding did not allow.");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > WEBHOOK_REPLY_BYTES_MAX)
        return failed("too-large", `The reply has more than ${WEBHOOK_REPLY_BYTES_MAX} bytes.`);
      chunks.push(chunk);
    }
  } catch {
    return failed("connection", "The connection ended before the reply did.");
  }
  try {
    return { ok: true, status, body: new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)) };
  } catch {
    return failed("encoding", "The reply is not UTF-8.");
  }
}
