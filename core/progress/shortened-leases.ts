import { LRUCache } from "lru-cache";
import { SHORTENED_LEASES_MAX } from "../limits.ts";
import { deliveryKey, type HeldMessage } from "./held.ts";

/**
 * When leases end that were set to end earlier than handles say that were written before. Nothing stored tells that of a message that
 * is gone. So only this process knows it, as long as it runs: another process takes the word of the old handle.
 */
export class ShortenedLeases {
  readonly #endsMs = new LRUCache<string, number>({ max: SHORTENED_LEASES_MAX });

  /** The lease of this message was set to end then. An ordered claim changes whole. */
  note(handle: HeldMessage, dueMs: number): void {
    this.#endsMs.set(nameOf(handle), dueMs);
  }

  endMs(handle: HeldMessage): number {
    return Math.min(handle.held.dueMs, this.#endsMs.get(nameOf(handle)) ?? Number.POSITIVE_INFINITY);
  }
}

const nameOf = (handle: HeldMessage): string =>
  handle.held.order ? deliveryKey(handle) : `${deliveryKey(handle)}/${handle.relativeOffset}`;
