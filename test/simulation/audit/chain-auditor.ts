import { framesObjectExpiresMs, queuePk } from "../../../core/keys.ts";
import { type Block, blockOf } from "../../../core/log/block.ts";
import { decodeFrame } from "../../../core/log/frame.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { runLengthCompressor } from "../run-length-compressor.ts";
import type { Violations } from "./violations.ts";

const HOUR_MS = 3_600_000;

/** Checks that expiry never falls along a chain, as readers find the first live block by bisection, and that objects outlive blocks. */
export async function checkChain(
  items: ItemStore,
  topic: { readonly uid: string; readonly queuesEver: number },
  retentionHours: number,
  violations: Violations,
): Promise<void> {
  for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
    const page = await items.query({ pk: queuePk(topic.uid, queueId), limit: 1_000 });
    let expiresAtSeconds = 0;
    for (const block of page.items.map(blockOf)) {
      if (block.expiresAtSeconds < expiresAtSeconds)
        violations.add("I1", `block ${block.base} of queue ${queueId} expires before the one in front of it`);
      expiresAtSeconds = block.expiresAtSeconds;
      checkObjects(block, retentionHours, violations);
    }
  }
}

function checkObjects(block: Block, retentionHours: number, violations: Violations): void {
  for (const bytes of block.frames) {
    const frame = decodeFrame(bytes, runLengthCompressor);
    if (frame.kind !== "pointer") continue;
    if (framesObjectExpiresMs(frame.objectKey) < frame.storedAtMs + retentionHours * HOUR_MS)
      violations.add("I1", `object ${frame.objectKey} goes before its messages' retention ends`);
  }
}
