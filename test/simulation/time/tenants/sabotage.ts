import { SHARD_LEASES_KEY } from "../../../../core/keys.ts";
import type { ItemStore, Key } from "../../../../core/ports/item-store.ts";
import { PassedOver } from "../../../../core/timer/passed-over.ts";
import { ShardLeases } from "../../../../core/timer/shard-leases.ts";
import { SCAN_LEASE_MS } from "../../../../core/timer/timer-limits.ts";
import type { AskProducer } from "../../../../core/transaction/ask-producer.ts";
import { tamper } from "../../sabotage.ts";
import type { Patch } from "../../sabotage-process.ts";
import type { World } from "../../world.ts";

/** A bug that makes tenants wait for each other: in what a scanner reads and writes, or on the way to endpoints. */
export interface TenantPlant {
  readonly items?: (items: ItemStore, world: World) => ItemStore;
  readonly asks?: (asks: AskProducer, world: World) => AskProducer;
}

const isLease = ({ pk }: Key): boolean => pk === SHARD_LEASES_KEY.pk;
const isTimers = (pk: string): boolean => pk.startsWith("t#");

/** Scaled to these histories: a look once stopped after ten thousand. */
const PASSED_OVER_MAX = 250;

/** L: a look stops after a number of timers, and the next one begins at the first again. */
export const stopsAfterSome: TenantPlant = {
  items: (items) => ({
    ...tamper(items, {}),
    query: async (query) => {
      const page = await items.query(query);
      if (!isTimers(query.pk)) return page;
      const reach = await items.query({ pk: query.pk, limit: PASSED_OVER_MAX });
      const last = reach.items.at(-1)?.sk;
      const seen = reach.more && last !== undefined ? page.items.filter(({ sk }) => sk <= last) : page.items;
      return seen.length === page.items.length ? page : { items: seen, more: false };
    },
  }),
};

/** How soon a lane fires its next batch. */
const NEXT_BATCH_MS = 40;

/** L: the next look begins only when the slowest lane of the last one is empty. */
export const waitsForSlowLanes: TenantPlant = {
  items: (items, world) => {
    let firing = 0;
    let firedMs = 0;
    return {
      ...tamper(items, {}),
      transact: async (writes) => {
        firing++;
        try {
          return await items.transact(writes);
        } finally {
          firing--;
          firedMs = world.nowMs;
        }
      },
      query: async (query) => {
        while (isTimers(query.pk) && (firing > 0 || world.nowMs < firedMs + NEXT_BATCH_MS)) await world.sleep(NEXT_BATCH_MS);
        return items.query(query);
      },
    };
  },
};

const POSTS_AT_ONCE = 16;
/** Scaled to these histories: a thousand may wait. */
const POSTS_WAITING_MAX = 24;

/** L: all producer groups share one queue. If it is full, a group is not asked, and nobody is told. */
export const postsInOneRow: TenantPlant = {
  asks: (asks) => {
    const row: (() => void)[] = [];
    let posting = 0;
    return async (check, endpoint) => {
      if (row.length >= POSTS_WAITING_MAX) return { resolution: "unknown" };
      if (posting >= POSTS_AT_ONCE) await new Promise<void>((start) => row.push(start));
      posting++;
      try {
        return await asks(check, endpoint);
      } finally {
        posting--;
        row.shift()?.();
      }
    };
  },
};

/** L: a lease counts as held for as long as it is written there, renewed or not. */
export const leasesOutliveHolders: TenantPlant = {
  items: (items, world) => ({
    ...tamper(items, { when: (key, when) => (isLease(key) ? when.filter(({ name }) => !name.startsWith("u")) : when) }),
    get: async (key, options) => {
      const item = await items.get(key, options);
      if (!item || !isLease(key)) return item;
      const believed: Record<string, number> = {};
      for (const name in item)
        if (name.startsWith("h") && item[name] !== "") believed[`u${name.slice(1)}`] = world.nowMs + SCAN_LEASE_MS;
      return { ...item, ...believed };
    },
  }),
};

/** L: a holder believes in its lease for ever, and does not renew it. */
export const renewsNoLease: Patch = async (work) => {
  const { renew } = ShardLeases.prototype;
  ShardLeases.prototype.renew = async function (_shards, _behind, count) {
    return { lost: [], read: await this.read(count) };
  };
  try {
    return await work();
  } finally {
    ShardLeases.prototype.renew = renew;
  }
};

/** I7: the place where a stream with passed-over timers continues is forgotten. */
export const forgetsPassedOver: Patch = async (work) => {
  const { add } = PassedOver.prototype;
  PassedOver.prototype.add = (read, lane) => ({ isOfLane: false, lane, from: read.sk, read });
  try {
    return await work();
  } finally {
    PassedOver.prototype.add = add;
  }
};
