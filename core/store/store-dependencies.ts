import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";

/** What nearly all that is stored is made with. */
export interface StoreDependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly random: Random;
}
