import { skOffset } from "../keys.ts";
import type { Item, Key } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type FrameHead, readFrameHead } from "./frame.ts";
import { EXPIRY_SLACK_SECONDS } from "./log-limits.ts";

/**
 * One link of a queue's chain; the item's attributes in brackets.
 *
 * A block is open while `bytes < closingBytes`. A full one never changes again, so the next base is `base + count` for ever.
 */
export interface Block {
  readonly base: number;
  /** [n] Messages so far. */
  readonly count: number;
  /** [b] Bytes of frames so far. A pointer counts with its own bytes, not those of its object. */
  readonly bytes: number;
  /** [lim] Closing size: an update is refused once `bytes` has reached it. Written at creation; a touch sets 0. */
  readonly closingBytes: number;
  /** [x] Epoch seconds from which the block is absent, deleted or not. Never falls along a chain. */
  readonly expiresAtSeconds: number;
  /** [t0] The newest store time in the chain before this block. No message in the block has an earlier one. */
  readonly storedFromMs: number;
  /** [f] */
  readonly frames: readonly Uint8Array[];
  /** [w] Ids of the writes that made it. */
  readonly writeIds: ReadonlySet<string>;
  /** [e] Only in a block that restarts the chain, if known: the offset at which the chain before it ended. */
  readonly chainBeforeEnd?: number | undefined;
  /** Why the block cannot be read. It then has no frames, and the other fields are derived from its neighbours (`damaged-block.ts`). */
  readonly damage?: string | undefined;
}

export function blockItem(key: Key, block: Omit<Block, "base">, storedUntilMs: number): Item {
  return {
    ...key,
    f: block.frames,
    n: block.count,
    b: block.bytes,
    lim: block.closingBytes,
    w: block.writeIds,
    t0: block.storedFromMs,
    t1: storedUntilMs,
    x: block.expiresAtSeconds,
    ...(block.chainBeforeEnd !== undefined && { e: block.chainBeforeEnd }),
  };
}

/** Attributes as `blockItem` wrote them. */
interface BlockAttributes {
  readonly f: readonly Uint8Array[];
  readonly n: number;
  readonly b: number;
  readonly lim: number;
  readonly w: ReadonlySet<string>;
  readonly t0: number;
  readonly x: number;
  readonly e?: number;
}

/** Errors: `StoreCorrupt`. */
export function blockOf(item: Item): Block {
  const { f, n, b, lim, w, t0, x, e } = item as unknown as BlockAttributes;
  if (!Array.isArray(f) || typeof n !== "number" || typeof x !== "number") {
    const { pk, sk } = item;
    throw new StoreCorrupt(`block ${pk} ${sk} is malformed`, { key: { pk, sk } });
  }
  return {
    base: skOffset(item.sk),
    count: n,
    bytes: b,
    closingBytes: lim,
    expiresAtSeconds: x,
    storedFromMs: t0,
    frames: f,
    writeIds: w,
    ...(e !== undefined && { chainBeforeEnd: e }),
  };
}

/** When a block that is written now expires: after the retention and a day, on the hour, so that all appenders agree on it. */
export const expiryOf = (nowMs: number, retentionHours: number): number =>
  Math.ceil((nowMs / 1_000 + retentionHours * 3_600 + EXPIRY_SLACK_SECONDS) / 3_600) * 3_600;

export const isOpen = (block: Pick<Block, "bytes" | "closingBytes">): boolean => block.bytes < block.closingBytes;
export const isLive = (block: Pick<Block, "expiresAtSeconds">, nowMs: number): boolean => block.expiresAtSeconds * 1_000 > nowMs;
export const nextBase = (block: Pick<Block, "base" | "count">): number => block.base + block.count;

/** The newest store time in the block, from which its successor starts. */
export function storedUntilMs(block: Pick<Block, "storedFromMs" | "frames">): number {
  return block.frames.reduce((latest, frame) => Math.max(latest, headOf(frame)?.storedAtMs ?? 0), block.storedFromMs);
}

/** The offset of the frame with this id, or `undefined`. */
export function offsetOfFrame(block: Block, frameId: Uint8Array): number | undefined {
  let offset = block.base;
  for (const frame of block.frames) {
    const head = headOf(frame);
    if (!head) return undefined;
    if (head.id.every((byte, at) => byte === frameId[at])) return offset;
    offset += head.count;
  }
  return undefined;
}

/** `undefined` for a frame that is cut short. */
function headOf(frame: Uint8Array): FrameHead | undefined {
  try {
    return readFrameHead(frame);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
