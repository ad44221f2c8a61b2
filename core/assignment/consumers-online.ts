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
 * The consumers of a group that are online: its members, or the receives that wait in this process, whichever is more. A consumer that
 * does both counts once, since nobody can tell which are the same.
 */
export const consumersOnline = async ({ items, clock, waiting }: Dependencies, groupUid: string): Promise<number> =>
  Math.max(await countLive(items, groupUid, clock.nowMs()), waiting.mostAtOnce(groupUid));
