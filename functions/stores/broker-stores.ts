import type { BrokerSettings } from "../../core/broker-settings.ts";
import type { DroppedBlocks } from "../../core/log/drop-expired.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";

/** A disk, on which what has expired takes room until it is removed. */
export interface Disk {
  /** Removes items and objects that have expired. Returns soon once the signal aborts. */
  sweep(signal: AbortSignal): Promise<void>;
  /** Gives back the room of blocks that were deleted. */
  reclaim(blocks: DroppedBlocks): Promise<void>;
}

/** Open stores, and the settings for a broker on them. */
export interface BrokerStores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly settings: BrokerSettings;
  /** What has to be done where the store does not remove by itself what has expired. */
  readonly disk?: Disk | undefined;
  close(): Promise<void>;
}
