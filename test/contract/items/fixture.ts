import type { ItemStore, WriteResult } from "../../../core/ports/item-store.ts";
import type { StoreLedger } from "../../support/stores/store-ledger.ts";

export interface OpenItemStore {
  readonly store: ItemStore;
  /** The telemetry it reports to. */
  readonly ledger: StoreLedger;
  /** Whether its calls cost DynamoDB's units, or none. */
  readonly bills: "dynamodb" | "nothing";
  close(): Promise<void>;
}

/** For tests, which run once the store is open. */
export interface ItemStoreFixture {
  opened(): OpenItemStore;
  store(): ItemStore;
  /** A partition key that no other test uses. */
  partition(): string;
}

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Runs `count` calls at once. */
export const together = <T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)));

/** The item that a write which must succeed was asked to return. */
export function returned(result: WriteResult): NonNullable<Extract<WriteResult, { ok: true }>["item"]> {
  if (!result.ok || result.item === undefined) throw new Error("the write returned no item");
  return result.item;
}
