import fc from "fast-check";
import { expect, test } from "vitest";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import type { Change, Condition, ItemStore, TransactWrite } from "../../core/ports/item-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { bytes } from "./items/fixture.ts";

/** Both stores decide writes in the order of the calls, so the same calls, all begun at once, must end alike. */
const names = fc.constantFrom("n", "s", "f", "w", "x");
const numbers = fc.integer({ min: 0, max: 3 });
const words = fc.constantFrom("a", "b");
const someNumbers = fc.uniqueArray(numbers, { minLength: 1, maxLength: 2 }).map((members) => new Set(members));

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.oneof(
    fc.record({
      op: fc.constant("set" as const),
      name: names,
      value: fc.oneof(numbers, words, someNumbers, fc.constant([bytes(1)])),
    }),
    fc.record({ op: fc.constant("copy" as const), name: names, from: names }),
    fc.record({ op: fc.constant("increment" as const), name: names, by: numbers }),
    fc.record({ op: fc.constant("append" as const), name: fc.constant("f"), values: fc.constant([bytes(2)]) }),
    fc.record({
      op: fc.constantFrom("addToSet" as const, "deleteFromSet" as const),
      name: fc.constantFrom("w", "s"),
      values: someNumbers,
    }),
    fc.record({ op: fc.constant("remove" as const), name: names }),
  ),
  { maxLength: 3 },
);

const when: fc.Arbitrary<readonly Condition[]> = fc.array(
  fc.oneof(
    fc.record({ op: fc.constantFrom("exists" as const, "absent" as const), name: fc.constantFrom("pk", "n", "w") }),
    fc.record({
      op: fc.constantFrom("<" as const, "<=" as const, ">" as const),
      name: names,
      value: fc.oneof(numbers, words),
    }),
    fc.record({ op: fc.constant("=" as const), name: names, value: fc.oneof(numbers, words, someNumbers) }),
    fc.record({ op: fc.constant("lessThanAttribute" as const), name: names, other: names }),
    fc.record({ op: fc.constantFrom("contains" as const, "notContains" as const), name: names, value: fc.oneof(numbers, words) }),
  ),
  { maxLength: 1 },
);

const sks = fc.constantFrom("0", "1", "2");
const returning = fc.constantFrom("none" as const, "allOld" as const, "allNew" as const);
const attributes = fc.record({ n: numbers, f: fc.constant([bytes(1)]), w: someNumbers, x: numbers }, { requiredKeys: [] });

type Call = (store: ItemStore, pk: string) => Promise<unknown>;

const calls: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ sk: sks, attributes, when, returning }).map(
    (call): Call =>
      (store, pk) =>
        store.put({ pk, sk: call.sk, ...call.attributes }, call),
  ),
  fc.record({ sk: sks, changes, when, returning }).map(
    (call): Call =>
      (store, pk) =>
        store.update({ pk, sk: call.sk }, call.changes, call),
  ),
  fc.record({ sk: sks, when, returning }).map(
    (call): Call =>
      (store, pk) =>
        store.delete({ pk, sk: call.sk }, call),
  ),
  fc.tuple(fc.record({ changes, when }), fc.record({ attributes, when }), when).map(([update, put, check]): Call => {
    return (store, pk) => {
      const writes: readonly TransactWrite[] = [
        { kind: "update", key: { pk, sk: "0" }, ...update },
        { kind: "put", item: { pk, sk: "1", ...put.attributes }, when: put.when },
        { kind: "check", key: { pk, sk: "2" }, when: check },
      ];
      return store.transact(writes);
    };
  }),
);

const outcomesOf = async (store: ItemStore, pk: string, batches: readonly (readonly Call[])[]): Promise<unknown[]> => {
  const outcomes: unknown[] = [];
  for (const batch of batches) {
    const settled = await Promise.allSettled(batch.map((call) => call(store, pk)));
    for (const outcome of settled) {
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(StoreMisuse);
      outcomes.push(outcome.status === "fulfilled" ? outcome.value : "misuse");
    }
    outcomes.push(await store.query({ pk, limit: 10 }));
    outcomes.push(await store.batchGet(["0", "1", "2"].map((sk) => ({ pk, sk }))));
  }
  return outcomes;
};

test("any calls, begun at once, end as in memory", async () => {
  const directory = await storeDirectory();
  const embedded = await EmbeddedItemStore.open(directory.path);
  const memory = new MemoryItemStore();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(calls, { maxLength: 12 }), { minLength: 1, maxLength: 4 }), async (batches) => {
      const pk = `run-${runs++}`;
      expect(await outcomesOf(embedded, pk, batches)).toEqual(await outcomesOf(memory, pk, batches));
    }),
    { numRuns: 300 },
  );
  await embedded.close();
  await directory.remove();
});
