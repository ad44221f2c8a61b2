import type { BrokerSettings } from "../../core/broker-settings.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";

/** Open stores, and the settings for a broker on them. */
export interface BrokerStores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly settings: BrokerSettings;
  /** Removes expired data, if the store does not do so itself. Returns soon after the signal aborts. */
  sweep?(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
