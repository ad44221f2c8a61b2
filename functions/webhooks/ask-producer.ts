import { z } from "zod";
import type { Clock } from "../../core/ports/clock.ts";
import type { Webhooks } from "../../core/ports/webhooks.ts";
import type { AskProducer, ProducersAnswer } from "../../core/transaction/ask-producer.ts";
import { checkJson } from "../http/check-json.ts";
import { formatInstant } from "../http/times.ts";

const reply = z.object({ resolution: z.enum(["commit", "rollback", "unknown"]) });

/** Asks by a webhook of the type `transaction.check`, with one id for every try of one check. */
export const askByWebhook =
  (webhooks: Webhooks, clock: Clock): AskProducer =>
  async (check, { url, secret }) => {
    const timestampMs = clock.nowMs();
    const { transactionId, checkNumber, producerGroup } = check;
    const data = { ...checkJson(check), producerGroup };
    const body = JSON.stringify({ type: "transaction.check", timestamp: formatInstant(timestampMs), data });
    const posted = await webhooks.post({ url, secret, id: `${transactionId}-${checkNumber}`, timestampMs, body });
    return posted.ok ? answerOf(posted.body) : { failure: posted.detail };
  };

function answerOf(body: string): ProducersAnswer {
  try {
    return reply.parse(JSON.parse(body));
  } catch {
    return { failure: 'The endpoint did not answer {"resolution": "commit" | "rollback" | "unknown"}.' };
  }
}
