import type { Block } from "./block.ts";
import { BLOCK_MESSAGES_MAX, CAP_STEP } from "./log-limits.ts";

/**
 * Stands for a block that cannot be read, by what its neighbours say of it. Its messages are the offsets up to the next block: no
 * other block can lie between, since the next one starts where it ended.
 *
 * How many they were is not known of the last block, of one behind which the chain was restarted at a cap, and of one whose next
 * blocks have gone by age; nobody may count offsets as lost that were never written, so it then stands for its first message alone:
 * that one was there. What else it held is passed over as a gap is.
 */
export function damagedBlock(base: number, next: Block | undefined, damage: string): Block {
  const reach = next ? next.base - base : 0;
  const follows = next !== undefined && reach <= BLOCK_MESSAGES_MAX && next.base % CAP_STEP !== 0;
  return {
    base,
    count: follows ? reach : 1,
    bytes: 0,
    closingBytes: 0,
    // Expiry and store times never fall along a chain, so the next block's are the latest that its own can be.
    expiresAtSeconds: next?.expiresAtSeconds ?? Number.POSITIVE_INFINITY,
    storedFromMs: next?.storedFromMs ?? Number.POSITIVE_INFINITY,
    frames: [],
    writeIds: new Set(),
    damage,
  };
}
