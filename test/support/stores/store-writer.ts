import { EmbeddedItemStore } from "../../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../../adapters/embedded/embedded-object-store.ts";

/**
 * Writes to a given folder until it is killed: numbered items, each in one transaction with the increment of a counter, and objects. A
 * line on standard output names each item and object once its write was acknowledged.
 */
const WRITERS = 16;
const OBJECT_WRITERS = 4;
const directory = process.argv[2] as string;
const items = await EmbeddedItemStore.open(directory);
const objects = await EmbeddedObjectStore.open(directory);
const counter = { pk: "counter", sk: "0" };
await items.put({ ...counter, n: 0 });
const acknowledged = (line: string) => process.stdout.write(`${line}\n`);

const writeItems = async (writer: number) => {
  for (let round = 0; ; round++) {
    const sk = `${writer}-${round}`;
    const item = { pk: "written", sk, round, d: new Uint8Array(1_000).fill(round % 256) };
    const result = await items.transact([
      { kind: "put", item, when: [{ op: "absent", name: "pk" }] },
      { kind: "update", key: counter, changes: [{ op: "increment", name: "n", by: 1 }] },
    ]);
    if (!result.ok) throw new Error(`${sk} was there already`);
    acknowledged(`item ${sk}`);
  }
};

const writeObjects = async (writer: number) => {
  for (let round = 0; ; round++) {
    const key = `log/w${writer}/${round}`;
    await objects.put(key, new Uint8Array(10_000).fill(round % 256));
    acknowledged(`object ${key}`);
  }
};

await Promise.all([
  ...Array.from({ length: WRITERS }, (_, writer) => writeItems(writer)),
  ...Array.from({ length: OBJECT_WRITERS }, (_, writer) => writeObjects(writer)),
]);
