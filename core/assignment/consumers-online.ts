import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { WaitingReceives } from "../wake/waiting-receives.ts";
import { countLive } from "./member-store.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly waiting: WaitingReceives;
}

/**
 * Consumers of a group that are there: its members, or the receives that wait in this process, whichever is more. One that does both
 * is counted once, and nobody can tell which of one kind are of the other.
 */
export const consumersOnline = async ({ items, clock, waiting }: Dependencies, groupUid: string): Promise<number> =>
  Math.max(await countLive(items, groupUid, clock.nowMs()), waiting.mostAtOnce(groupUid));
