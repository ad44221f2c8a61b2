import { z } from "zod";
import type { Clock } from "../../core/ports/clock.ts";
import type { WebhookReply, WebhookRequest, Webhooks } from "../../core/ports/webhooks.ts";
import type { AskProducer, ProducersAnswer } from "../../core/transaction/ask-producer.ts";
import { checkBody } from "./check-body.ts";

const reply = z.object({ resolution: z.enum(["commit", "rollback", "unknown"]) });

/** Asks with a webhook of the type `transaction.check`, which has the same id at every attempt of one check. */
export const askByWebhook =
  (webhooks: Webhooks, clock: Clock): AskProducer =>
  (check, { url, secret }) => {
    const timestampMs = clock.nowMs();
    const id = `${check.transactionId}-${check.checkNumber}`;
    // Not awaited here: only the text is being sent, and the message can be freed.
    return post(webhooks, { url, secret, id, timestampMs, body: checkBody(check, timestampMs) });
  };

async function post(webhooks: Webhooks, request: WebhookRequest): Promise<ProducersAnswer> {
  const posted = await webhooks.post(request);
  return posted.ok ? answerOf(posted.body) : { failure: posted.detail, ...whatBecame(posted) };
}

type Failure = Exclude<WebhookReply, { readonly ok: true }>;

const TOO_MANY_REQUESTS = 429;

/** An endpoint that answers that it is busy or broken counts as not answering. */
function whatBecame(failed: Failure): { readonly endpoint?: "answered" | "notCalled" } {
  switch (failed.reason) {
    case "busy":
      return { endpoint: "notCalled" };
    case "status":
      return failed.status >= 500 || failed.status === TOO_MANY_REQUESTS ? {} : { endpoint: "answered" };
    case "redirect":
    case "too-large":
    case "encoding":
    case "malformed":
      return { endpoint: "answered" };
    default:
      return {};
  }
}

function answerOf(body: string): ProducersAnswer {
  try {
    return reply.parse(JSON.parse(body));
  } catch {
    return {
      failure: 'The endpoint did not answer {"resolution": "commit" | "rollback" | "unknown"}.',
      endpoint: "answered",
    };
  }
}
