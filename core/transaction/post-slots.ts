import { POST_BUDGETS, type PostBudget, SLOW_POST_MS, SMALL_POST_BYTES } from "./post-limits.ts";

/** The speed of an endpoint at its last call. */
export type Pace = "unknown" | "fast" | "slow";

/** The endpoint of a post. */
export interface Posted {
  pace: Pace;
}

/** A post under way. */
export interface Post {
  readonly endpoint: Posted;
  readonly bytes: number;
  /** The endpoint's pace when the post started. */
  readonly pace: Pace;
  /** When the endpoint was called. Absent: not yet, or it has answered. */
  calledAtMs?: number | undefined;
}

type Share = Exclude<keyof typeof POST_BUDGETS, "endpoint">;

interface Use {
  posts: number;
  bytes: number;
}

/**
 * Shares out space for posts, so that slow or dead endpoints, however many, leave space for the others. A post to an endpoint that is
 * known to be slow takes one of a few slots. So does any other post after a second: it then counts as slow, and its slot is free for
 * the next. Endpoints that were fast share a part that the others may not use.
 */
export class PostSlots {
  readonly #posts = new Set<Post>();

  get size(): number {
    return this.#posts.size;
  }

  add(post: Post): void {
    this.#posts.add(post);
  }

  remove(post: Post): void {
    this.#posts.delete(post);
  }

  /** Whether an endpoint's own share allows another post. */
  hasShare(endpoint: Posted, bytes: number): boolean {
    const own = { posts: 0, bytes: 0 };
    for (const post of this.#posts) if (post.endpoint === endpoint) count(own, post.bytes);
    return endpoint.pace === "unknown" ? own.posts === 0 : fits(own, POST_BUDGETS.endpoint, bytes);
  }

  /** Whether the shared room allows another post. */
  hasSpace({ pace }: Posted, bytes: number, nowMs: number): boolean {
    const uses = this.#uses(nowMs);
    return sharesOf(pace, pace === "slow").every((share) => fits(uses[share], POST_BUDGETS[share], bytes));
  }

  /** When the next post under way turns slow, which may make room. */
  nextSlowMs(nowMs: number): number | undefined {
    const calls = [...this.#posts].flatMap(({ pace, calledAtMs }) =>
      pace === "slow" || calledAtMs === undefined || nowMs - calledAtMs >= SLOW_POST_MS ? [] : [calledAtMs],
    );
    return calls.length === 0 ? undefined : Math.min(...calls) + SLOW_POST_MS;
  }

  /** The use of each share. Also marks endpoints slow whose posts have turned slow. */
  #uses(nowMs: number): Readonly<Record<Share, Use>> {
    const uses: Record<Share, Use> = {
      all: { posts: 0, bytes: 0 },
      unproven: { posts: 0, bytes: 0 },
      slow: { posts: 0, bytes: 0 },
      brisk: { posts: 0, bytes: 0 },
      newcomers: { posts: 0, bytes: 0 },
    };
    for (const { endpoint, bytes, pace, calledAtMs } of this.#posts) {
      const late = calledAtMs !== undefined && nowMs - calledAtMs >= SLOW_POST_MS;
      if (late) endpoint.pace = "slow";
      for (const share of sharesOf(pace, pace === "slow" || late)) count(uses[share], bytes);
    }
    return uses;
  }
}

function sharesOf(pace: Pace, slow: boolean): readonly Share[] {
  if (slow) return ["all", "unproven", "slow"];
  return pace === "unknown" ? ["all", "unproven", "brisk", "newcomers"] : ["all", "brisk"];
}

function count(use: Use, bytes: number): void {
  use.posts += 1;
  use.bytes += bytes;
}

/** Whether another post fits. The first one fits whatever its size. */
const fits = (use: Use, budget: PostBudget, bytes: number): boolean =>
  use.posts < budget.posts && (use.posts === 0 || bytes <= SMALL_POST_BYTES || use.bytes + bytes <= budget.bytes);
