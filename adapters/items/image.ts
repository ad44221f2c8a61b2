import type { Change, Condition, Item, Key, TransactWrite } from "../../core/ports/item-store.ts";
import { applyChanges } from "./change.ts";
import { itemSize, sizeAfterChanges } from "./item-size.ts";
import { adoptItem, checkKey, checkSize } from "./limits.ts";

/** An item and its size by DynamoDB's rules, measured once. */
export interface Image {
  readonly item: Item;
  readonly bytes: number;
}

/** A `TransactWrite` whose condition may also be spelled out as undefined. */
export type Write =
  | TransactWrite
  | { readonly kind: "put"; readonly item: Item; readonly when: readonly Condition[] | undefined }
  | {
      readonly kind: "update";
      readonly key: Key;
      readonly changes: readonly Change[];
      readonly when: readonly Condition[] | undefined;
    }
  | { readonly kind: "delete"; readonly key: Key; readonly when: readonly Condition[] | undefined };

/** The image after a write whose condition holds; the same object if nothing changes. Errors: `StoreMisuse`. */
export function imageAfter(write: Write, before: Image | undefined): Image | undefined {
  switch (write.kind) {
    case "put": {
      const item = adoptItem(write.item);
      return sized(item, itemSize(item));
    }
    case "update": {
      checkKey(write.key);
      const item = applyChanges(write.key, before?.item, write.changes);
      return sized(item, sizeAfterChanges(before?.bytes ?? 0, before?.item, item, write.changes));
    }
    case "delete":
      return undefined;
    case "check":
      return before;
  }
}

function sized(item: Item, bytes: number): Image {
  checkSize(bytes);
  return { item, bytes };
}
