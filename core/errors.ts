/** What a failed request changed: `none` is nothing; `unknown` may be nothing, a part or all. */
export type Effect = "none" | "unknown";

/** The kind of a failure, in RocketMQ's words where it has one. `number` is its code, `status` the HTTP status. */
interface ErrorCode {
  readonly status: number;
  readonly number: number;
  readonly title: string;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** The effect of answers that state no other. */
  readonly effect: Effect;
  readonly advice: string;
}

const client = (status: number, number: number, title: string, advice: string): ErrorCode => ({
  status,
  number,
  title,
  retryable: false,
  effect: "none",
  advice,
});

/** Alphabetical. PROTOCOL.md prints this table, and a test keeps the two alike. */
export const ERROR_CODES = {
  ALREADY_DELIVERED: client(409, 40902, "Already delivered", "It was due and is in its queue."),
  BAD_REQUEST: client(400, 40000, "Bad request", "Correct the fields that `errors` names."),
  CONSUMER_GROUP_NOT_FOUND: client(404, 40403, "Consumer group not found", "Create it with PUT /v1/groups/{group}."),
  FORBIDDEN: client(403, 40300, "Forbidden", "The topic's perm does not allow this, or the topic is the broker's own."),
  IDEMPOTENCY_KEY_REUSED: client(422, 42200, "Idempotency key reused", "Use a new key for another request."),
  ILLEGAL_CONSUMER_GROUP: client(400, 40002, "Illegal consumer group", "Names are 1 to 64 of A-Z a-z 0-9 _ and -."),
  ILLEGAL_DELIVERY_TIME: client(400, 40012, "Illegal delivery time", "Use a time the topic accepts."),
  ILLEGAL_FILTER_EXPRESSION: client(400, 40008, "Illegal filter expression", "Correct the expression."),
  ILLEGAL_INVISIBLE_TIME: client(400, 40011, "Illegal invisible time", "Use 1 second to 12 hours."),
  ILLEGAL_MESSAGE_PROPERTY_KEY: client(
    400,
    40007,
    "Illegal message property",
    "Use names RocketMQ does not reserve, without control characters.",
  ),
  ILLEGAL_TOPIC: client(400, 40001, "Illegal topic", "Names are 1 to 64 of A-Z a-z 0-9 _ and -."),
  INTERNAL_ERROR: {
    status: 500,
    number: 50000,
    title: "Internal error",
    retryable: true,
    effect: "unknown",
    advice: "Report it with the request id.",
  },
  INVALID_RECEIPT_HANDLE: client(
    400,
    40013,
    "Invalid receipt handle",
    "Use the handle exactly as a receive by this group returned it.",
  ),
  LEASE_LOST: client(409, 40901, "Lease lost", "The message went to another consumer or will; receive again."),
  MESSAGE_BODY_EMPTY: client(400, 41302, "Message body empty", "Send at least one byte."),
  MESSAGE_BODY_TOO_LARGE: client(413, 41301, "Message body too large", "Store the payload elsewhere and send its address."),
  MESSAGE_EXPIRED: client(410, 41000, "Message expired", "Its retention has ended."),
  MESSAGE_NOT_FOUND: client(404, 40401, "Message not found", "Check the id."),
  MESSAGE_PROPERTIES_TOO_LARGE: client(413, 43101, "Message properties too large", "Use at most 128 properties and 16 KiB."),
  MESSAGE_PROPERTY_CONFLICT_WITH_TYPE: client(
    400,
    40014,
    "Message property conflicts with topic type",
    "Send it to a topic of the type that has the property.",
  ),
  METHOD_NOT_ALLOWED: client(405, 40500, "Method not allowed", "Use a method that the Allow header lists."),
  MISDIRECTED_REQUEST: client(
    421,
    42100,
    "Misdirected request",
    "Use an address of this server, or name the host in ALLOWED_HOSTS.",
  ),
  NOT_FOUND: client(404, 40400, "Not found", "See /docs for the routes."),
  OFFSET_ILLEGAL: client(416, 41600, "Offset illegal", "Pull between minOffset and maxOffset."),
  OFFSET_NOT_FOUND: client(404, 40404, "Offset not found", "The client has committed none there: begin where the group should."),
  ORIGIN_NOT_ALLOWED: client(403, 40301, "Origin not allowed", "Name the web page's origin in CORS_ORIGINS."),
  OUT_OF_ORDER_SEQUENCE: client(409, 40905, "Out of order sequence", "Send the producer's next sequence."),
  PRECONDITION_FAILED: client(412, 42800, "Precondition failed", "Read the resource again and decide anew."),
  QUOTA_EXCEEDED: client(409, 40906, "Quota exceeded", "Delete one of what `detail` counts. Waiting does not help."),
  REQUEST_IN_PROGRESS: {
    status: 409,
    number: 40904,
    title: "Request in progress",
    retryable: true,
    effect: "none",
    advice: "The first request with this key has not ended; ask again for its result.",
  },
  REQUEST_TIMEOUT: {
    status: 504,
    number: 50400,
    title: "Time-out",
    retryable: true,
    effect: "unknown",
    advice: "It may be done or not, or be done yet: check before you repeat what must happen once.",
  },
  SERVER_BUSY: {
    status: 503,
    number: 50301,
    title: "Server busy",
    retryable: true,
    effect: "none",
    advice: "Try again after Retry-After, with jitter.",
  },
  STALE_GENERATION: client(
    409,
    40907,
    "Stale generation",
    "Send a heartbeat, drop lost queues, and read where the others stand.",
  ),
  STORE_CORRUPT: {
    status: 500,
    number: 50001,
    title: "Store corrupt",
    retryable: false,
    effect: "unknown",
    advice: "Stored data is damaged: report it with the request id.",
  },
  STORE_UNAVAILABLE: {
    status: 503,
    number: 50300,
    title: "Store unavailable",
    retryable: true,
    effect: "unknown",
    advice: "Try again after Retry-After, with jitter; `effect` says whether it may be done already.",
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    number: 42900,
    title: "Too many requests",
    retryable: true,
    effect: "none",
    advice: "Try again after Retry-After, with jitter.",
  },
  TOPIC_NOT_FOUND: client(404, 40402, "Topic not found", "Create it with PUT /v1/topics/{topic}."),
  TRANSACTION_ENDED: client(409, 40903, "Transaction ended", "It had the other outcome; read it with GET /v1/transactions."),
  UNAUTHORIZED: client(401, 40100, "Unauthorized", "Send Authorization: Bearer and a key of this server."),
  UNSUPPORTED_MEDIA_TYPE: client(415, 41500, "Unsupported media type", "Send Content-Type: application/json."),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;

/** Members of a problem document besides those that every one has. */
export type ProblemMembers = Readonly<Record<string, string | number | boolean>>;

/** One wrong field: where, as a JSON pointer or a parameter name, and why. */
export interface FieldError {
  readonly field: string;
  readonly detail: string;
}

/**
 * An error answer to the caller. `detail` says what to do; `members` become further members of the problem document. `effect` is that
 * of the code unless the thrower knows better.
 */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: ErrorCodeName;
  readonly effect: Effect;
  readonly errors: readonly FieldError[];
  readonly members: ProblemMembers;

  constructor(
    code: ErrorCodeName,
    detail: string,
    more: {
      effect?: Effect;
      errors?: readonly FieldError[];
      members?: ProblemMembers;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: more.cause });
    this.code = code;
    this.effect = more.effect ?? ERROR_CODES[code].effect;
    this.errors = more.errors ?? [];
    this.members = more.members ?? {};
  }

  static is(error: unknown): error is BrokerError {
    return error instanceof BrokerError;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** The same answer for a request that did, or may have done, something before it failed. */
  withUnknownEffect(): BrokerError {
    if (this.effect === "unknown") return this;
    const { errors, members, cause } = this;
    return new BrokerError(this.code, this.message, { effect: "unknown", errors, members, cause });
  }
}

/** BAD_REQUEST for one field. `message` replaces the default of its name and the detail. */
export const badField = (field: string, detail: string, message = `${field}: ${detail}`): BrokerError =>
  new BrokerError("BAD_REQUEST", message, { errors: [{ field, detail }] });

/** Refuses a feature that the contract names and this version lacks. It is never silently accepted. */
export const notAvailableYet = (what: string): BrokerError => new BrokerError("BAD_REQUEST", `${what} is not available yet.`);
