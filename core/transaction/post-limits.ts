/** Limits of checks that are posted to the endpoints of producer groups, in one process. */

const KIB = 1_024;
const MIB = 1_024 * KIB;
const SECOND_MS = 1_000;

/** A post that takes longer is slow, and so is its endpoint until one takes less again. */
export const SLOW_POST_MS = SECOND_MS;

/** What posts may hold together: how many there are, and the bytes of their messages, unpacked. */
export interface PostBudget {
  readonly posts: number;
  readonly bytes: number;
}

export const POST_BUDGETS = {
  /** All that are under way. Each takes about three times its message's bytes. */
  all: { posts: 96, bytes: 32 * MIB },
  /** Those of endpoints that were fast, until they are slow themselves; the rest of `all` is theirs alone. */
  unproven: { posts: 80, bytes: 24 * MIB },
  /** Slow ones. What turns slow is counted here too, so that no other slow one starts. */
  slow: { posts: 32, bytes: 12 * MIB },
  /** Those that are not slow: what turns slow leaves. */
  brisk: { posts: 48, bytes: 32 * MIB },
  /** Not slow, to endpoints that were not posted to before. */
  newcomers: { posts: 32, bytes: 24 * MIB },
  /** Those of one endpoint; of one that was not posted to before there is one. */
  endpoint: { posts: 8, bytes: 8 * MIB },
} as const satisfies Readonly<Record<string, PostBudget>>;

/** Messages of so many bytes need no room among the others. */
export const SMALL_POST_BYTES = 64 * KIB;

/** Checks that wait for their turn: of one endpoint; of one that is slow, or fails; of all. */
export const POSTS_WAITING_MAX = { endpoint: 1_000, troubled: 64, all: 10_000 } as const;

/** Posts in a row that an endpoint leaves unanswered before it is called no more for a while. */
export const FAILURES_TO_OPEN = 5;
/** How long that is: first, and at most; each time in a row twice as long. */
export const OPEN_MS = { first: 10 * SECOND_MS, most: 120 * SECOND_MS } as const;
/** What is known of an endpoint that fails is shown so long after its last call. */
export const ENDPOINT_STATE_LIFE_MS = 24 * 3_600 * SECOND_MS;
/** Of what is stored of a failure. */
export const FAILURE_CHARS_MAX = 256;
