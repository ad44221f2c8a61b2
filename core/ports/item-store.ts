/**
 * The key-value table: the atomicity of DynamoDB and no more. One item, or one transaction of at most 100 items, changes at a
 * time; every other promise (dense offsets, leases, one outcome) is built above it, in core.
 *
 * Limits, enforced by every adapter with `StoreMisuse`: an item of 400 KB; 100 writes in a transaction, no two on one item; 100
 * keys in a batchGet; a query page of 1 MB. Sets and lists live at the top level and sets are never empty.
 */

export type Attribute = string | number | Uint8Array | readonly Uint8Array[] | ReadonlySet<string> | ReadonlySet<number>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** An item is read-only: stores may hand out the object they keep. `x`, where present, is its expiry in epoch seconds. */
export interface Item extends Key {
  readonly [attribute: string]: Attribute;
}

/** One term of a condition; a list of them holds when all do. A comparison with an absent attribute is false. */
export type Condition =
  | { readonly op: "exists" | "absent"; readonly name: string }
  | { readonly op: "="; readonly name: string; readonly value: Attribute }
  | { readonly op: "<" | "<=" | ">"; readonly name: string; readonly value: string | number }
  /** Both sides are attributes of the item, as in `b < lim`. */
  | { readonly op: "lessThanAttribute"; readonly name: string; readonly other: string }
  | { readonly op: "beginsWith"; readonly name: string; readonly prefix: string }
  | { readonly op: "contains" | "notContains"; readonly name: string; readonly value: string | number };

/** One action of an update. All read the item as it was before the update; no attribute is named by two actions. */
export type Change =
  | { readonly op: "set"; readonly name: string; readonly value: Attribute }
  /** `SET name = from`. */
  | { readonly op: "copy"; readonly name: string; readonly from: string }
  /** `SET name = name + by`; the attribute must exist. */
  | { readonly op: "increment"; readonly name: string; readonly by: number }
  /** `SET name = list_append(name, values)`; the list must exist. */
  | { readonly op: "append"; readonly name: string; readonly values: readonly Uint8Array[] }
  /** `ADD name values`; an absent set is created. */
  | { readonly op: "addToSet"; readonly name: string; readonly values: ReadonlySet<string> | ReadonlySet<number> }
  /** `DELETE name values`; a set that empties is removed, an absent one stays absent. */
  | { readonly op: "deleteFromSet"; readonly name: string; readonly values: ReadonlySet<string> | ReadonlySet<number> }
  | { readonly op: "remove"; readonly name: string };

/** A lost race is a value with the item that won. `item` is the one requested by `returning`. */
export type WriteResult =
  | { readonly ok: true; readonly item?: Item | undefined }
  | { readonly ok: false; readonly current: Item | undefined };

/** The purpose of a write: a store that is short of room may refuse some sooner. `append` brings new messages. */
export type WritePurpose = "append";

export interface TransactOptions {
  readonly purpose?: WritePurpose;
}

export interface WriteOptions {
  readonly purpose?: WritePurpose;
  readonly when?: readonly Condition[];
  /** Default `none`. A failed condition always returns the item it met. */
  readonly returning?: "none" | "allOld" | "allNew";
}

export type TransactWrite =
  | { readonly kind: "put"; readonly item: Item; readonly when?: readonly Condition[] }
  | { readonly kind: "update"; readonly key: Key; readonly changes: readonly Change[]; readonly when?: readonly Condition[] }
  | { readonly kind: "delete"; readonly key: Key; readonly when?: readonly Condition[] }
  | { readonly kind: "check"; readonly key: Key; readonly when: readonly Condition[] };

/** One entry for each write of a transaction: set if its condition failed, with the item that it met. */
export type FailedWrites = readonly ({ readonly current: Item | undefined } | undefined)[];

/** On failure nothing was applied. */
export type TransactResult = { readonly ok: true } | { readonly ok: false; readonly failures: FailedWrites };

export interface Query {
  readonly pk: string;
  /** Inclusive bounds on `sk`, compared as UTF-8 bytes. */
  readonly from?: string;
  readonly to?: string;
  /** Descending `sk`. Default ascending. */
  readonly reverse?: boolean;
  /** The most items. A page also ends at 1 MB. */
  readonly limit: number;
  /** Default true: strongly consistent. */
  readonly consistent?: boolean;
}

export interface QueryPage {
  readonly items: readonly Item[];
  /** True when the limit or the page size ended the page: there may be more behind its last item. */
  readonly more: boolean;
  /**
   * Keys within the page's range whose items are stored but cannot be read. They do not count towards `limit`. A page with `more` ends
   * with an item, so a query that continues behind it skips them. Absent if there are none.
   */
  readonly damaged?: readonly Key[] | undefined;
}

export interface ReadOptions {
  /** Default true: strongly consistent. */
  readonly consistent?: boolean;
}

/**
 * Errors: `StoreUnavailable` with its outcome, `StoreCorrupt`, `StoreMisuse`. Reads report `outcome: not-applied`.
 *
 * For an item that cannot be read, a get, a batchGet and a conditional write throw `StoreCorrupt` with its key, and a query names it in
 * `damaged`. A put or a delete without a condition replaces or removes it.
 */
export interface ItemStore {
  get(key: Key, options?: ReadOptions): Promise<Item | undefined>;
  /** Answers in the order of the keys, `undefined` for an absent item. Not a snapshot. */
  batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]>;
  put(item: Item, options?: WriteOptions): Promise<WriteResult>;
  /** Creates the item when it is absent and no condition forbids it, as DynamoDB does. */
  update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult>;
  delete(key: Key, options?: WriteOptions): Promise<WriteResult>;
  query(query: Query): Promise<QueryPage>;
  transact(writes: readonly TransactWrite[], options?: TransactOptions): Promise<TransactResult>;
}
