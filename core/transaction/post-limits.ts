/** Limits of checks that are posted to the endpoints of producer groups, in one process. */

const KIB = 1_024;
const MIB = 1_024 * KIB;
const SECOND_MS = 1_000;

/** A post that takes longer is slow. So is its endpoint, until a post takes less again. */
export const SLOW_POST_MS = SECOND_MS;

/** The limit of a set of posts: their number, and the bytes of their messages, unpacked. */
export interface PostBudget {
  readonly posts: number;
  readonly bytes: number;
}

export const POST_BUDGETS = {
  /** All posts under way. Each takes about three times its message's bytes. */
  all: { posts: 96, bytes: 32 * MIB },
  /** All but posts to endpoints known to be fast, which may also use the rest of `all`. A fast one that turns slow counts here too. */
  unproven: { posts: 80, bytes: 24 * MIB },
  /** Slow posts. A post that turns slow counts here too, so that no other slow one starts. */
  slow: { posts: 32, bytes: 12 * MIB },
  /** Posts that are not slow. A post that turns slow leaves this set. */
  brisk: { posts: 48, bytes: 32 * MIB },
  /** Posts that are not slow, to endpoints that were not posted to before. */
  newcomers: { posts: 32, bytes: 24 * MIB },
  /** Posts to one endpoint. An endpoint that was not posted to before gets one. */
  endpoint: { posts: 8, bytes: 8 * MIB },
} as const satisfies Readonly<Record<string, PostBudget>>;

/** Messages up to this size do not count against the budgets' bytes. */
export const SMALL_POST_BYTES = 64 * KIB;

/** How many checks may wait: for one endpoint; for one that is slow or fails; for all. */
export const POSTS_WAITING_MAX = { endpoint: 1_000, troubled: 64, all: 10_000 } as const;

/** After this many unanswered posts in a row, an endpoint is not called for a while. */
export const FAILURES_TO_OPEN = 5;
/** How long: the first time, and at most. Each time in a row takes twice as long. */
export const OPEN_MS = { first: 10 * SECOND_MS, most: 120 * SECOND_MS } as const;
/** How long past its open time the state of a failing endpoint is kept. */
export const ENDPOINT_STATE_LIFE_MS = 24 * 3_600 * SECOND_MS;
/** Characters of a failure that are stored. */
export const FAILURE_CHARS_MAX = 256;
