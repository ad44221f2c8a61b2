import { framesObjectExpiresMs, queuePk } from "../../../core/keys.ts";
import { type Block, blockOf, storedUntilMs } from "../../../core/log/block.ts";
import { decodeFrame } from "../../../core/log/frame.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { runLengthCompressor } from "../run-length-compressor.ts";
import type { Violations } from "./violations.ts";

/**
 * Checks that expiry never falls along a chain, as readers find the first live block by bisection, and that blocks and objects go later
 * than their messages.
 */
export async function checkChain(
  items: ItemStore,
  topic: { readonly uid: string; readonly queuesEver: number },
  keptUntilMs: (storedAtMs: number) => number,
  violations: Violations,
): Promise<void> {
  for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
    const page = await items.query({ pk: queuePk(topic.uid, queueId), limit: 1_000 });
    let expiresAtSeconds = 0;
    for (const block of page.items.map(blockOf)) {
      if (block.expiresAtSeconds < expiresAtSeconds)
        violations.add("I1", `block ${block.base} of queue ${queueId} expires before the one in front of it`);
      expiresAtSeconds = block.expiresAtSeconds;
      if (expiresAtSeconds * 1_000 < keptUntilMs(storedUntilMs(block)))
        violations.add("I1", `block ${block.base} of queue ${queueId} goes before its messages' retention ends`);
      checkObjects(block, keptUntilMs, violations);
    }
  }
}

function checkObjects(block: Block, keptUntilMs: (storedAtMs: number) => number, violations: Violations): void {
  for (const bytes of block.frames) {
    const frame = decodeFrame(bytes, runLengthCompressor);
    if (frame.kind !== "pointer") continue;
    if (framesObjectExpiresMs(frame.objectKey) < keptUntilMs(frame.storedAtMs))
      violations.add("I1", `object ${frame.objectKey} goes before its messages' retention ends`);
  }
}
