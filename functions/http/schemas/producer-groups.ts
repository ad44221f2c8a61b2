import { z } from "zod";
import { MAX_CHECKS_DEFAULT, MAX_CHECKS_MAX } from "../../../core/transaction/transaction-limits.ts";
import { count, integer, listQuery, page, pageExample, time } from "./shared.ts";

const url = z
  .string("Must be a string.")
  .meta({ format: "uri", description: "Where its checks are posted, signed as Standard Webhooks has it." });

export const producerGroupSettings = z
  .strictObject({
    url,
    secret: z.string("Must be a string.").meta({
      pattern: "^whsec_[A-Za-z0-9+/]+={0,2}$",
      description: "`whsec_` and base64 of 24 to 64 bytes; made by the server where not given with the first url.",
    }),
    maxChecks: integer(1, MAX_CHECKS_MAX, `Checks before a transaction is discarded; ${MAX_CHECKS_DEFAULT} where not given.`),
  })
  .partial()
  .meta({ id: "ProducerGroupSettings" });

const endpoint = z
  .object({
    state: z.enum(["CLOSED", "OPEN", "HALF_OPEN"]).meta({
      description:
        "`CLOSED`: it is called. `OPEN`: it did not answer, and is not called for a while. `HALF_OPEN`: the next check tries it.",
    }),
    failures: count("Calls in a row that it left unanswered; 0 while it is CLOSED."),
    openUntil: time("Until when it is, or was, not called.").nullable(),
    lastFailure: z.string().nullable().meta({ description: "Why the last of them got no answer." }),
    lastFailureAt: time("When that was.").nullable(),
  })
  .meta({ id: "ProducerGroupEndpoint" });

const fields = {
  name: z.string(),
  url: url.nullable().meta({ description: "Where its checks are posted; values of its query are shown as REDACTED." }),
  maxChecks: count("Checks before a transaction is discarded.", MAX_CHECKS_MAX),
  endpoint: endpoint.nullable().meta({ description: "How the url does; null where there is none." }),
  createdAt: time("When its settings were first made."),
  updatedAt: time("When they last changed."),
};

export const producerGroup = z.object(fields).meta({ id: "ProducerGroup" });

export const putProducerGroup = z
  .object({
    ...fields,
    secret: z.string().optional().meta({ description: "Made by the server in this request; it is not shown again." }),
  })
  .meta({ id: "PutProducerGroup" });

export const producerGroupQuery = z.strictObject(listQuery);
export const producerGroupPage = page(producerGroup, "ProducerGroupPage");

export const producerGroupSettingsExample = { url: "https://shop.example.com/apogee-checks", maxChecks: 10 };
export const producerGroupExample = {
  name: "checkout",
  ...producerGroupSettingsExample,
  endpoint: { state: "CLOSED", failures: 0, openUntil: null, lastFailure: null, lastFailureAt: null },
  createdAt: "2026-11-29T06:01:51.992Z",
  updatedAt: "2026-11-29T06:01:51.992Z",
};
export const putProducerGroupExample = { ...producerGroupExample, secret: "whsec_dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgc2VjcmV0" };
export const producerGroupPageExample = pageExample(producerGroupExample);
