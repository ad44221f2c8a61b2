import type { Key } from "./item-store.ts";

/** Whether a failed store call took effect: `not-applied` is safe to repeat, `unknown` may have been applied or may still be. */
export type Outcome = "not-applied" | "unknown";

/** Why a store call failed: a running transaction on the item, throttling, no room left, or anything else. */
export type UnavailableReason = "conflict" | "throttled" | "full" | "unavailable";

/** A store call failed. Races that a caller expects are values (`ok: false`), never this. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly outcome: Outcome;
  readonly reason: UnavailableReason;

  constructor(outcome: Outcome, reason: UnavailableReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
    this.reason = reason;
  }

  static is(error: unknown): error is StoreUnavailable {
    return error instanceof StoreUnavailable;
  }
}

/** Stored bytes are damaged (a failed checksum), or were written by a newer version. Retrying does not help. */
export class StoreCorrupt extends Error {
  override readonly name = "StoreCorrupt";
  /** The key of the damaged item, if it is an item. */
  readonly key: Key | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly key?: Key | undefined }) {
    super(message, options);
    this.key = options?.key;
  }

  static is(error: unknown): error is StoreCorrupt {
    return error instanceof StoreCorrupt;
  }
}

/** A call the store can never accept: an item over 400 KB, 101 writes in one transaction, arithmetic on a missing attribute. A bug in the caller. */
export class StoreMisuse extends Error {
  override readonly name = "StoreMisuse";
}
