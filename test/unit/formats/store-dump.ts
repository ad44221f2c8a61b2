import type { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { Attribute, Item, ItemStore, Key } from "../../../core/ports/item-store.ts";
import { OBJECT_BYTES_MAX, type ObjectStore } from "../../../core/ports/object-store.ts";

/** A store's items and objects as JSON. */
export interface StoreDump {
  readonly items: readonly Record<string, DumpedAttribute>[];
  readonly objects: Readonly<Record<string, string>>;
}

type DumpedAttribute =
  | string
  | number
  | { readonly bytes: string }
  | { readonly list: readonly string[] }
  | { readonly set: readonly (string | number)[] };

/** Notes which keys were written: a store cannot be listed. */
export function noting(items: ItemStore, keys: Map<string, Key>): ItemStore {
  const note = ({ pk, sk }: Key): void => {
    keys.set(`${pk}\n${sk}`, { pk, sk });
  };
  return {
    get: (key, options) => items.get(key, options),
    batchGet: (all, options) => items.batchGet(all, options),
    query: (query) => items.query(query),
    put: (item, options) => {
      note(item);
      return items.put(item, options);
    },
    update: (key, changes, options) => {
      note(key);
      return items.update(key, changes, options);
    },
    delete: (key, options) => items.delete(key, options),
    transact: (writes) => {
      for (const write of writes) note(write.kind === "put" ? write.item : write.key);
      return items.transact(writes);
    },
  };
}

export async function dump(items: ItemStore, keys: Iterable<Key>, objects: MemoryObjectStore): Promise<StoreDump> {
  const dumped: Record<string, DumpedAttribute>[] = [];
  for (const key of keys) {
    const item = await items.get(key);
    if (item) dumped.push(Object.fromEntries(Object.entries(item).map(([name, value]) => [name, dumpAttribute(value)])));
  }
  const texts: Record<string, string> = {};
  for (const key of objects.keys("log/"))
    texts[key] = Buffer.from((await objects.getRange(key, 0, OBJECT_BYTES_MAX)) as Uint8Array).toString("base64");
  return { items: dumped, objects: texts };
}

export async function restore(dumped: StoreDump, items: ItemStore, objects: ObjectStore): Promise<void> {
  for (const item of dumped.items) {
    const attributes = Object.entries(item).map(([name, value]) => [name, attributeOf(value)]);
    await items.put(Object.fromEntries(attributes) as Item);
  }
  for (const [key, text] of Object.entries(dumped.objects)) await objects.put(key, Buffer.from(text, "base64"));
}

function dumpAttribute(value: Attribute): DumpedAttribute {
  if (typeof value === "string" || typeof value === "number") return value;
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return { list: value.map((bytes: Uint8Array) => Buffer.from(bytes).toString("base64")) };
  return { set: [...(value as ReadonlySet<string | number>)] };
}

function attributeOf(value: DumpedAttribute): Attribute {
  if (typeof value !== "object") return value;
  if ("bytes" in value) return new Uint8Array(Buffer.from(value.bytes, "base64"));
  if ("list" in value) return value.list.map((bytes) => new Uint8Array(Buffer.from(bytes, "base64")));
  return new Set(value.set) as ReadonlySet<string>;
}
