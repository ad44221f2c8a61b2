import { z } from "zod";
import { MAX_CHECKS_DEFAULT, MAX_CHECKS_MAX } from "../../../core/transaction/transaction-limits.ts";
import { integer, listQuery, page, time } from "./shared.ts";

const url = z
  .string("Must be a string.")
  .meta({ description: "Where its checks are posted, signed as Standard Webhooks has it." });

export const producerGroupSettings = z
  .strictObject({
    url,
    secret: z
      .string("Must be a string.")
      .meta({ description: "`whsec_` and base64 of 24 to 64 bytes; made by the server where not given with the first url." }),
    maxChecks: integer(1, MAX_CHECKS_MAX, `Checks before a transaction is discarded; ${MAX_CHECKS_DEFAULT} where not given.`),
  })
  .partial()
  .meta({ id: "ProducerGroupSettings" });

const fields = {
  name: z.string(),
  url: url.nullable().meta({ description: "Where its checks are posted; values of its query are shown as REDACTED." }),
  maxChecks: z.number().int(),
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
export const producerGroupPage = page(producerGroup);
