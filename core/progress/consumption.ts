import type { CompiledFilters } from "../filter/compiled-filters.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Events } from "../ports/events.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { Reading } from "../ports/reading.ts";
import type { Rotation } from "../receive/rotation.ts";
import type { ReceiptHandles } from "../settle/receipt-handle.ts";
import type { StoreFormat } from "../store/store-format.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { Arrivals } from "../wake/arrivals.ts";
import type { AttemptTags } from "./attempt-tags.ts";
import type { KeyedMutex } from "./keyed-mutex.ts";
import type { LeaseClock } from "./lease-clock.ts";
import type { ProgressStore } from "./progress-store.ts";
import type { ShortenedLeases } from "./shortened-leases.ts";

/** What receiving and settling work with. */
export interface Consumption {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly progressStore: ProgressStore;
  readonly topics: TopicRegistry;
  readonly handles: ReceiptHandles;
  readonly attempts: AttemptTags;
  readonly shortened: ShortenedLeases;
  readonly arrivals: Arrivals;
  readonly clock: LeaseClock;
  readonly reading: Reading;
  readonly random: Random;
  readonly rotation: Rotation;
  readonly mutex: KeyedMutex;
  readonly filters: CompiledFilters;
  readonly format: StoreFormat;
  readonly events: Events;
  /** The largest difference between two handlers' clocks: a lease is over for others only this long after its end. */
  readonly skewMarginMs: number;
}
