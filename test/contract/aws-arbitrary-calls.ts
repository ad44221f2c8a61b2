import fc from "fast-check";
import type { Attribute, Change, Condition, ItemStore, TransactWrite } from "../../core/ports/item-store.ts";
import { bytes } from "./items/fixture.ts";

const SKS = ["0", "1", "2", "10", "é\0"] as const;
const sks = fc.constantFrom(...SKS);
/** `lim` to compare with, `when` and `n#` for DynamoDB to stumble over. */
const names = fc.constantFrom("n", "lim", "text", "when", "list", "n#", "absent");
const integers = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(99, 100, 101, 9_007_199_254_740_000, -123_456));
const numbers = fc.oneof(integers, fc.constantFrom(0.1, -2.5, 1e-7, 1.5e20, 123.456));
const texts = fc.constantFrom("", "a", "ab", "b", "é", "\u{1F600}");
const blobs = fc.uint8Array({ maxLength: 3 }).map((members) => bytes(...members));
const numberSets = fc.uniqueArray(integers, { minLength: 1, maxLength: 3 }).map((members) => new Set(members));
const textSets = fc.uniqueArray(texts, { minLength: 1, maxLength: 3 }).map((members) => new Set(members));
const sets = fc.oneof(numberSets, textSets);
const lists = fc.array(blobs, { maxLength: 3 });
const values: fc.Arbitrary<Attribute> = fc.oneof(numbers, texts, blobs, lists, sets);
/** Items of about one write unit, two, and one read unit: a byte more or less is a unit more or less. */
const fillings = fc
  .oneof(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 970, max: 1_020 }),
    fc.integer({ min: 1_990, max: 2_050 }),
    fc.integer({ min: 4_040, max: 4_100 }),
  )
  .map((length) => new Uint8Array(length).fill(7));

const attributes: fc.Arbitrary<Record<string, Attribute>> = fc.record(
  { n: integers, lim: integers, text: texts, when: sets, list: lists, "n#": numbers, d: fillings },
  { requiredKeys: [] },
);

const op = <const Op extends string>(...ops: Op[]): fc.Arbitrary<Op> => fc.constantFrom(...ops);
const kind = <const Kind extends string>(value: Kind): { readonly kind: fc.Arbitrary<Kind> } => ({ kind: fc.constant(value) });

/** No two on one attribute: that is refused before any condition is looked at, and elsewhere after. */
const changes: fc.Arbitrary<readonly Change[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ op: op("set"), name: names, value: values }),
    fc.record({ op: op("set"), name: fc.constant("d"), value: fillings }),
    fc.record({ op: op("copy"), name: names, from: names }),
    fc.record({ op: op("increment"), name: fc.constantFrom("n", "lim", "text"), by: integers }),
    fc.record({ op: op("append"), name: fc.constantFrom("list", "text"), values: lists }),
    fc.record({ op: op("addToSet", "deleteFromSet"), name: fc.constantFrom("when", "absent", "n"), values: sets }),
    fc.record({ op: op("remove"), name: names }),
  ),
  { maxLength: 4, selector: ({ name }) => name },
);

const conditions: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ op: op("exists", "absent"), name: fc.oneof(names, fc.constant("pk")) }),
  fc.record({ op: op("="), name: names, value: values }),
  fc.record({ op: op("<", "<=", ">"), name: names, value: fc.oneof(numbers, texts) }),
  fc.record({ op: op("lessThanAttribute"), name: names, other: names }),
  fc.record({ op: op("beginsWith"), name: fc.oneof(names, fc.constant("sk")), prefix: texts }),
  fc.record({ op: op("contains", "notContains"), name: names, value: fc.oneof(numbers, texts) }),
);
/** Mostly none or one, so that most writes have an effect. */
const when = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(conditions, { maxLength: 3 }));
const returning = fc.constantFrom("none" as const, "allOld" as const, "allNew" as const);
const consistent = fc.boolean();

const writes = {
  put: { ...kind("put"), sk: sks, attributes, when },
  update: { ...kind("update"), sk: sks, changes, when },
  delete: { ...kind("delete"), sk: sks, when },
  check: { ...kind("check"), sk: sks, when },
};
const transactWrites = fc.oneof(
  fc.record(writes.put),
  fc.record(writes.update),
  fc.record(writes.delete),
  fc.record(writes.check),
);
const queries = fc.record(
  { from: sks, to: sks, reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 6 }), consistent },
  { requiredKeys: ["limit"] },
);

/** Calls that any item store takes, on a few items of one partition. */
export const arbitraryCalls = fc.oneof(
  fc.record({ ...writes.put, returning }),
  fc.record({ ...writes.update, returning }),
  fc.record({ ...writes.delete, returning }),
  fc.record({ ...kind("get"), sk: sks, consistent }),
  fc.record({ ...kind("batchGet"), sks: fc.subarray([...SKS]), consistent }),
  fc.record({ ...kind("query"), query: queries }),
  fc.record({
    ...kind("transact"),
    writes: fc.uniqueArray(transactWrites, { minLength: 1, maxLength: 4, selector: ({ sk }) => sk }),
  }),
);

export type ArbitraryCall = typeof arbitraryCalls extends fc.Arbitrary<infer Call> ? Call : never;

export function perform(call: ArbitraryCall, store: ItemStore, pk: string): Promise<unknown> {
  switch (call.kind) {
    case "put":
      return store.put({ pk, sk: call.sk, ...call.attributes }, call);
    case "update":
      return store.update({ pk, sk: call.sk }, call.changes, call);
    case "delete":
      return store.delete({ pk, sk: call.sk }, call);
    case "get":
      return store.get({ pk, sk: call.sk }, call);
    case "batchGet":
      return store.batchGet(
        call.sks.map((sk) => ({ pk, sk })),
        call,
      );
    case "query":
      return store.query({ pk, ...call.query });
    case "transact":
      return store.transact(call.writes.map((write) => transactWrite(write, pk)));
  }
}

function transactWrite(write: Extract<ArbitraryCall, { kind: "transact" }>["writes"][number], pk: string): TransactWrite {
  const { sk, when } = write;
  if (write.kind === "put") return { kind: "put", item: { pk, sk, ...write.attributes }, when };
  if (write.kind === "update") return { kind: "update", key: { pk, sk }, changes: write.changes, when };
  return { kind: write.kind, key: { pk, sk }, when };
}
