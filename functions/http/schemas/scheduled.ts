import { z } from "zod";
import { instant, listQuery, page, pageExample, time } from "./shared.ts";

export const scheduledQuery = z.strictObject({ limit: listQuery.limit, cursor: listQuery.cursor });

const recallHandle = z.string().meta({ description: "The right to cancel or reschedule it." });

const scheduledMessage = z
  .object({
    messageId: z.string(),
    topic: z.string(),
    deliverAt: time("When it is due."),
    scheduledAt: time("When it was sent."),
    recallHandle,
  })
  .meta({ id: "ScheduledMessage" });

export const scheduledPage = page(scheduledMessage, "ScheduledMessagePage");

export const reschedule = z
  .strictObject({ deliverAt: instant("When it is due instead; now where that is past.") })
  .meta({ id: "Reschedule" });

export const rescheduled = z
  .object({ recallHandle, deliverAt: time("When it is due now.") })
  .meta({ id: "Rescheduled", description: "Handles given out before go on working." });

const parkedMessage = z
  .object({
    id: z.string(),
    messageId: z.string(),
    topic: z.string(),
    deliverAt: time("When it was due."),
    parkedAt: time("When it was put aside."),
    reason: z.string().meta({ description: "Why it could not be delivered." }),
  })
  .meta({ id: "ParkedMessage" });

export const parkedPage = page(parkedMessage, "ParkedMessagePage");

const recallHandleExample = "AQhaQlVtNmJYegIBoiYcMs4gMDFBMjI1RTU0NDRFNjBDREVFNjJCMjk3MkFBRjAwMDACQTcLIgHxb9RW4ADNFtIi";
export const scheduledPageExample = pageExample({
  messageId: "01A225E5444E60CDEE62B2972AAF0000",
  topic: "orders",
  deliverAt: "2026-11-29T07:01:51.950Z",
  scheduledAt: "2026-11-29T06:01:51.950Z",
  recallHandle: recallHandleExample,
});
export const rescheduleExample = { deliverAt: "2035-01-01T09:00:00Z" };
export const rescheduledExample = { recallHandle: recallHandleExample, deliverAt: "2035-01-01T09:00:00.000Z" };
export const parkedPageExample = pageExample({
  id: "3-01A225E5444E60CDEE62B2972AAF0000",
  messageId: "01A225E5444E60CDEE62B2972AAF0000",
  topic: "orders",
  deliverAt: "2026-11-29T07:01:51.950Z",
  parkedAt: "2026-11-29T07:01:52.013Z",
  reason: "The topic was deleted.",
});
