import { blockOf } from "../../../core/log/block.ts";
import { queuePk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { Violations } from "./violations.ts";

/** Readers look for the first live block by halves: along a chain the expiry must never fall. */
export async function checkChain(
  items: ItemStore,
  topic: { readonly uid: string; readonly queuesEver: number },
  violations: Violations,
): Promise<void> {
  for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
    const page = await items.query({ pk: queuePk(topic.uid, queueId), limit: 1_000 });
    let expiresAtSeconds = 0;
    for (const block of page.items.map(blockOf)) {
      if (block.expiresAtSeconds < expiresAtSeconds)
        violations.add("I1", `block ${block.base} of queue ${queueId} expires before the one in front of it`);
      expiresAtSeconds = block.expiresAtSeconds;
    }
  }
}
