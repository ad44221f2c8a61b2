import { z } from "zod";
import { KEY_CHARS_MAX, MAX_ATTEMPTS_MAX, TAG_EXPRESSION_BYTES_MAX } from "../../../core/limits.ts";
import { MESSAGE_STATES } from "../../../core/query/message-state.ts";
import { GROUP_STATES_MAX, QUERY_LIMIT_DEFAULT, QUERY_LIMIT_MAX } from "../../../core/query/query-limits.ts";
import { storedExample, storedFields, storedMessage, unreadableEntry } from "./messages.ts";
import {
  atMostOneOf,
  count,
  listQuery,
  offset,
  pageExample,
  pageFields,
  queryInstant,
  queryInteger,
  queueId,
  time,
} from "./shared.ts";

const expression = (description: string) =>
  z.string().min(1, "Must not be empty.").meta({ maxLength: TAG_EXPRESSION_BYTES_MAX, description });

export const messageQuery = z
  .strictObject({
    key: z
      .string()
      .min(1, "Must not be empty.")
      .max(KEY_CHARS_MAX, `Must have at most ${KEY_CHARS_MAX} characters.`)
      .meta({ description: "One of the message's keys.", example: "order-42" })
      .optional(),
    from: queryInstant("Stored then or later: RFC 3339 or epoch ms.").optional(),
    to: queryInstant("Stored before then.").optional(),
    tag: expression("A TAG expression, such as `A || B`.").optional(),
    filter: expression("A SQL92 expression, as a subscription's filter.").optional(),
    limit: queryInteger(1, QUERY_LIMIT_MAX, `Messages at most; ${QUERY_LIMIT_DEFAULT} where not given.`).optional(),
    cursor: listQuery.cursor,
  })
  .refine(({ tag, filter }) => tag === undefined || filter === undefined, {
    path: ["filter"],
    error: "Give either tag or filter.",
  })
  .refine(({ from = 0, to = Number.POSITIVE_INFINITY }) => from <= to, { path: ["to"], error: "Must not be before `from`." })
  .meta({ dependentSchemas: atMostOneOf("tag", "filter") });

export type MessageQueryParameters = z.output<typeof messageQuery>;

const unreadableAt = z.object({ queueId, ...unreadableEntry.shape }).meta({ id: "UnreadableAt" });

export const messagePage = z
  .object({
    ...pageFields(storedMessage),
    unreadable: z
      .array(unreadableAt)
      .meta({
        description: "Messages that the page passed over since they cannot be read; they may be ones that were asked for.",
      })
      .optional(),
  })
  .meta({ id: "MessagePage" });

const topicOfId = z.string().meta({ description: "Topic of the message: needed only where the id does not tell it." });

export const getMessageQuery = z.strictObject({
  topic: topicOfId.optional(),
  limit: queryInteger(1, GROUP_STATES_MAX, `Groups at most; ${GROUP_STATES_MAX} where not given.`).optional(),
  cursor: listQuery.cursor,
});

const groupState = z
  .object({
    group: z.string(),
    state: z.enum(MESSAGE_STATES).meta({ id: "MessageState" }),
    attempt: count("Deliveries so far; null where that is not known any more.", MAX_ATTEMPTS_MAX).nullable(),
    nextAttemptAt: time("When it may be delivered again; null unless it waits for that.").nullable(),
    leaseExpiresAt: time("When its lease ends; null unless it is in flight.").nullable(),
  })
  .meta({ id: "GroupState" });

export const messageWithGroups = z
  .object({
    ...storedFields,
    groups: z.array(groupState).meta({ description: "The groups that are subscribed to its topic, by name." }),
    nextCursor: z.string().nullable().meta({ description: "Continues the groups; null where these are the last." }),
    complete: pageFields(groupState).complete,
  })
  .meta({ id: "MessageWithGroups" });

export const redeliveryRequest = z
  .strictObject({
    group: z.string("Must be the name of a group."),
    topic: z
      .string("Must be the name of a topic.")
      .meta({ ...topicOfId.meta() })
      .optional(),
  })
  .meta({ id: "RedeliveryRequest" });

export const redelivery = z
  .object({
    messageId: z.string(),
    group: z.string(),
    topic: z.string().meta({ description: "Topic of the message, under which the group receives the copy." }),
    retryTopic: z.string().meta({ description: "The group's own topic where the copy is." }),
    queueId,
    offset: offset("Its place in the queue."),
    duplicate: z.boolean().meta({ description: "It was delivered before, by a request with the same Idempotency-Key." }),
  })
  .meta({ id: "Redelivery" });

export const messagePageExample = pageExample(storedExample);
export const messageWithGroupsExample = {
  ...storedExample,
  groups: [
    { group: "archive", state: "SETTLED", attempt: null, nextAttemptAt: null, leaseExpiresAt: null },
    { group: "billing", state: "IN_FLIGHT", attempt: 1, nextAttemptAt: null, leaseExpiresAt: "2026-11-29T06:02:51.964Z" },
  ],
  nextCursor: null,
  complete: true,
};
export const redeliveryRequestExample = { group: "billing" };
export const redeliveryExample = {
  messageId: storedExample.messageId,
  group: "billing",
  topic: "orders",
  retryTopic: "%RETRY%billing%orders",
  queueId: 0,
  offset: "0",
  duplicate: false,
};
