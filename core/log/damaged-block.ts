import type { Block } from "./block.ts";
import { BLOCK_MESSAGES_MAX, CAP_STEP } from "./log-limits.ts";

/**
 * Replaces an unreadable block with what its neighbours tell about it. Its messages are the offsets up to the next block: no other
 * block can lie between, since the next one starts where it ended.
 *
 * Its count is unknown if it is the last block, if the chain was restarted at a cap behind it, or if the next blocks have expired.
 * Offsets that were never written must not count as lost. So the block then stands for its first message alone, which did exist; its
 * other offsets are passed over like a gap.
 */
export function damagedBlock(base: number, next: Block | undefined, damage: string): Block {
  const reach = next ? next.base - base : 0;
  const follows = next !== undefined && reach <= BLOCK_MESSAGES_MAX && next.base % CAP_STEP !== 0;
  return {
    base,
    count: follows ? reach : 1,
    bytes: 0,
    closingBytes: 0,
    // Expiry and store times never fall along a chain, so the next block's are upper limits of this block's.
    expiresAtSeconds: next?.expiresAtSeconds ?? Number.POSITIVE_INFINITY,
    storedFromMs: next?.storedFromMs ?? Number.POSITIVE_INFINITY,
    frames: [],
    writeIds: new Set(),
    damage,
  };
}
