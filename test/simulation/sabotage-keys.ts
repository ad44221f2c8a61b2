import { UnrolledCursor } from "../../core/key-index/unrolled-names.ts";
import { KEY_FILES_PK } from "../../core/keys.ts";
import type { Item, QueryPage } from "../../core/ports/item-store.ts";
import { type Sabotage, tamper } from "./sabotage.ts";
import { type Patch, patched } from "./sabotage-process.ts";

/** Bugs in how keys are stored, merged and looked up: each leaves one rule out. */

const isKeyFile = ({ pk }: Pick<Item, "pk">): boolean => pk === KEY_FILES_PK;
/** The keys of a segment are stored after its commits. */
export const keepsKeysForLater: Sabotage = (items) => {
  const pending: Item[] = [];
  return {
    ...tamper(items, {}),
    put: async (item, options) => {
      if (!isKeyFile(item)) return items.put(item, options);
      pending.push(item);
      return { ok: true };
    },
    transact: async (writes, options) => {
      const result = await items.transact(writes, options);
      if (writes.some((write) => write.kind === "put" && write.item.pk.startsWith("s#")))
        for (const item of pending.splice(0, pending.length - 1)) await items.put(item);
      return result;
    },
  };
};

/** A lookup goes by the list of key files that the one before it saw. */
export const listsOldKeyFiles: Sabotage = (items) => {
  let last: QueryPage | undefined;
  return {
    ...tamper(items, {}),
    query: async (query) => {
      if (query.pk !== KEY_FILES_PK) return items.query(query);
      const before = last;
      last = await items.query(query);
      return before ?? last;
    },
  };
};

/** A merge takes the place of its files, and leaves one of them out. */
export const mergesAllButOne: Sabotage = (items) => ({
  ...tamper(items, {}),
  batchGet: async (keys, options) => {
    const found = await items.batchGet(keys, options);
    return keys.every(isKeyFile) ? found.slice(1) : found;
  },
});

/** A lookup looks into key files alone. */
export const looksIntoSegmentsOnly: Patch = (work) =>
  patched(UnrolledCursor.prototype, "next", () => async () => undefined, work);
