import { z } from "zod";
import { instant, listQuery, page, time } from "./shared.ts";

export const scheduledQuery = z.strictObject({ limit: listQuery.limit, cursor: listQuery.cursor });

const recallHandle = z.string().meta({ description: "The right to cancel or reschedule it." });

export const scheduledMessage = z
  .object({
    messageId: z.string(),
    topic: z.string(),
    deliverAt: time("When it is due."),
    scheduledAt: time("When it was sent."),
    recallHandle,
  })
  .meta({ id: "ScheduledMessage" });

export const scheduledPage = page(scheduledMessage);

export const reschedule = z
  .strictObject({ deliverAt: instant("When it is due instead; now where that is past.") })
  .meta({ id: "Reschedule" });

export const rescheduled = z
  .object({ recallHandle, deliverAt: time("When it is due now.") })
  .meta({ id: "Rescheduled", description: "Handles given out before go on working." });

export const parkedMessage = z
  .object({
    id: z.string(),
    messageId: z.string(),
    topic: z.string(),
    deliverAt: time("When it was due."),
    parkedAt: time("When it was put aside."),
    reason: z.string().meta({ description: "Why it could not be delivered." }),
  })
  .meta({ id: "ParkedMessage" });

export const parkedPage = page(parkedMessage);
