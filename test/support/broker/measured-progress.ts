import { expect } from "vitest";
import { itemSize } from "../../../adapters/items/item-size.ts";
import type { ItemStore, Key } from "../../../core/ports/item-store.ts";
import { EXPRESSION_BYTES_MAX, EXPRESSION_OPERATORS_MAX, largestExpression, NO_EXPRESSION } from "./expression-size.ts";

const isProgress = ({ pk }: Key): boolean => pk.startsWith("g#");

/** A store that records the sizes of the largest progress item, transaction and expression that it was given, and counts. */
export function measuredProgress(inner: ItemStore) {
  const seen = { largest: 0, moves: 0, together: 0, expression: NO_EXPRESSION };
  const measure = async (keys: readonly Key[]): Promise<void> => {
    for (const key of keys.filter(isProgress)) {
      const item = await inner.get(key);
      if (item) seen.largest = Math.max(seen.largest, itemSize(item));
    }
  };
  const store: ItemStore = {
    get: (key, options) => inner.get(key, options),
    batchGet: (keys, options) => inner.batchGet(keys, options),
    query: (query) => inner.query(query),
    delete: (key, options) => inner.delete(key, options),
    put: async (item, options) => {
      const result = await inner.put(item, options);
      await measure([item]);
      return result;
    },
    update: async (key, changes, options) => {
      const result = await inner.update(key, changes, options);
      await measure([key]);
      return result;
    },
    transact: async (writes) => {
      seen.together = Math.max(seen.together, writes.length);
      for (const write of writes) if (write.kind === "update") seen.expression = largestExpression(seen.expression, write);
      const result = await inner.transact(writes);
      if (writes.some((write) => write.kind === "update" && isProgress(write.key))) seen.moves++;
      await measure(writes.map((write) => (write.kind === "put" ? write.item : write.key)));
      return result;
    },
  };
  return { store, seen };
}

/** A progress item costs four write units at most. */
export const FOUR_WRITE_UNITS = 4 * 1_024;

/** Checks that no move exceeds DynamoDB's limits. */
export function expectWithinDynamoDb({ together, expression }: ReturnType<typeof measuredProgress>["seen"]): void {
  expect(together).toBeLessThanOrEqual(100);
  expect(expression.bytes).toBeLessThanOrEqual(EXPRESSION_BYTES_MAX);
  expect(expression.operators).toBeLessThanOrEqual(EXPRESSION_OPERATORS_MAX);
}
