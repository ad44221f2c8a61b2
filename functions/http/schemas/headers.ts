import { z } from "zod";
import { IDEMPOTENCY_KEY_CHARS_MAX, KEYS_MAX, MESSAGE_GROUP_CHARS_MAX, TAG_CHARS_MAX } from "../../../core/limits.ts";
import { ETAG_LIST } from "../etag.ts";
import { IDEMPOTENCY_KEY } from "../idempotency-key.ts";

// Request headers as documented. The code that reads a header checks it.

export const idempotencyKey = z.string().meta({
  minLength: 1,
  maxLength: IDEMPOTENCY_KEY_CHARS_MAX,
  pattern: IDEMPOTENCY_KEY.source,
  description:
    "Such as a UUID. Repeats with the same key are answered as the first, for 24 hours, and say `Idempotency-Replayed: true`.",
});

/** For requests that change a resource only if it is as the client knows it. */
export const IF_MATCH = {
  "If-Match": z.string().meta({
    pattern: `^\\s*\\*\\s*$|${ETAG_LIST.source}`,
    description: "The ETag of the state that is to be changed, or `*` for any: the answer is 412 where there is another.",
  }),
};

/** For requests for files that the client may already have. */
export const IF_NONE_MATCH = {
  "If-None-Match": z.string().meta({ description: "The ETag of what the client has: the answer is 304 where it is the same." }),
};

export const LAST_EVENT_ID = {
  "Last-Event-ID": z.string().meta({
    pattern: "^(\\d{1,16}|-1)$",
    description: "In a live tail: the last id that came. It goes on behind it; `-1` is before the first.",
  }),
};

/** Metadata of a message whose body is that of the request. */
export const PUBLISH_HEADERS = {
  "X-MQ-Tag": z.string().meta({ minLength: 1, maxLength: TAG_CHARS_MAX, description: "Its tag.", example: "created" }),
  "X-MQ-Keys": z.string().meta({
    minLength: 1,
    description: `Its keys, separated by commas, at most ${KEYS_MAX}.`,
    example: "order-42",
  }),
  "X-MQ-Group": z.string().meta({
    minLength: 1,
    maxLength: MESSAGE_GROUP_CHARS_MAX,
    description: "Its message group.",
    example: "customer-7",
  }),
  "X-MQ-Delay": z.string().meta({
    pattern: "^\\d{1,10}(\\.\\d{1,3})?$",
    description: "Deliver it so many seconds later.",
  }),
  "X-MQ-Deliver-At": z.string().meta({
    description: "Deliver it then: an RFC 3339 time, or epoch milliseconds. Not beside X-MQ-Delay.",
  }),
  Prefer: z.string().meta({
    description: "`return=minimal`: the answer, 202, comes before the message is stored, and it may be lost.",
  }),
};
