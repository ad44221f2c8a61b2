import type { BrokerSettings } from "../../core/broker-settings.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";

/** Stores that are open, and how a broker works on them. */
export interface BrokerStores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly settings: BrokerSettings;
  /** Removes what has expired, where the store does not do so itself. Returns soon once the signal aborts. */
  sweep?(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
