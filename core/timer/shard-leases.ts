import { SHARD_LEASES_KEY } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Change, Condition, Item, ItemStore } from "../ports/item-store.ts";
import { HANDOVER_MS, SCAN_LEASE_MS, SCAN_RELIEF_MS, SCAN_RENEW_MS, WATCH_QUIET_MS } from "./timer-limits.ts";

/** Who scans a shard. */
export interface ShardLease {
  readonly shard: number;
  readonly holder: string;
  readonly untilMs: number;
  /** When the holder's scan ends. */
  readonly endsMs: number;
  /** Timers of it are due for long. */
  readonly behind: boolean;
}

/** The leases of all shards, as read. */
export interface Leases {
  readonly item: Item | undefined;
  readonly shards: readonly ShardLease[];
  /** Until then someone looks after the scanners, or did lately. */
  readonly watchedUntilMs: number;
}

export interface LeaseHolder {
  readonly holder: string;
  readonly endsMs: number;
  /** Whether it takes over from one whose scan ends sooner, so that there is no gap between the two. */
  readonly relieves: boolean;
}

/** What came of taking leases. */
export interface Taken {
  readonly taken: readonly number[];
  /** Of those of one that is behind: when it has learned of that, by its next renewal, and is done with what was under way. */
  readonly goneMs: ReadonlyMap<number, number>;
  /** As they were before. */
  readonly leases: Leases;
}

/** A lease that ends later than that was written by a clock that is wrong. */
const LEASE_MS_MAX = 2 * SCAN_LEASE_MS;

export function isHeld({ holder, untilMs }: ShardLease, nowMs: number): boolean {
  const leftMs = untilMs - nowMs;
  return holder !== "" && leftMs > 0 && leftMs <= LEASE_MS_MAX;
}

/**
 * Leases of shards, all in one item, so that a scanner renews those it has by one write. Item `lease` / `shards`, for shard s:
 * [h<s>] holder · [u<s>] until · [e<s>] when the holder's scan ends · [b<s>] it is behind; and [w] until when the scanners are watched.
 *
 * A lease saves work and guards nothing: two scanners of one shard fire each timer once.
 */
export class ShardLeases {
  readonly #items: ItemStore;
  readonly #clock: Clock;

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }) {
    this.#items = store.items;
    this.#clock = store.clock;
  }

  /** Errors: `StoreUnavailable`. */
  async read(count: number): Promise<Leases> {
    return leasesOf(await this.#items.get(SHARD_LEASES_KEY), count);
  }

  /**
   * Takes what is free: not held, or held by one that it relieves, whose scan ends sooner and is not behind. Beside that, half of the
   * shards of one that is behind with several. Answers what it took, and what it read. Errors: `StoreUnavailable`.
   */
  async take(count: number, me: LeaseHolder): Promise<Taken> {
    for (;;) {
      const leases = await this.read(count);
      const nowMs = this.#clock.nowMs();
      const isFree = (lease: ShardLease): boolean =>
        lease.holder === me.holder ||
        !isHeld(lease, nowMs) ||
        (me.relieves && !lease.behind && lease.endsMs < me.endsMs - SCAN_RELIEF_MS);
      const wanted = [...leases.shards.filter(isFree), ...shareOf(leases.shards.filter((lease) => !isFree(lease)))];
      if (wanted.length === 0) return { taken: [], goneMs: new Map(), leases };
      const changes = wanted.flatMap(({ shard }) => holding(shard, me, nowMs, false));
      const when = wanted.flatMap((lease) => asRead(leases.item, lease.shard));
      const result = await this.#items.update(SHARD_LEASES_KEY, changes, { when });
      if (!result.ok) continue;
      const shared = wanted.filter((lease) => lease.behind && lease.holder !== me.holder && isHeld(lease, nowMs));
      const heardMs = (untilMs: number): number => Math.min(nowMs, untilMs - SCAN_LEASE_MS) + SCAN_RENEW_MS;
      const goneMs = new Map(shared.map(({ shard, untilMs }) => [shard, heardMs(untilMs) + HANDOVER_MS]));
      return { taken: wanted.map(({ shard }) => shard), goneMs, leases };
    }
  }

  /** Holds these on. `behind`: those of which timers are due for long. Answers which it has lost, and all. Errors: `StoreUnavailable`. */
  async renew(
    shards: readonly number[],
    behind: ReadonlySet<number>,
    count: number,
    me: LeaseHolder,
  ): Promise<{ readonly lost: readonly number[]; readonly read: Leases }> {
    let held = shards;
    const lost: number[] = [];
    for (;;) {
      const nowMs = this.#clock.nowMs();
      const changes = held.flatMap((shard) => holding(shard, me, nowMs, behind.has(shard)));
      const when = held.map((shard): Condition => ({ op: "=", name: `h${shard}`, value: me.holder }));
      const result = await this.#items.update(SHARD_LEASES_KEY, changes, { when, returning: "allNew" });
      const item = result.ok ? result.item : result.current;
      const gone = held.filter((shard) => item?.[`h${shard}`] !== me.holder);
      lost.push(...gone);
      held = held.filter((shard) => !gone.includes(shard));
      if (result.ok || held.length === 0) return { lost, read: leasesOf(item, count) };
    }
  }

  /** Errors: `StoreUnavailable`. */
  async release(shards: readonly number[], { holder }: LeaseHolder): Promise<void> {
    let held = shards;
    while (held.length > 0) {
      const changes = held.flatMap((shard): Change[] => [
        { op: "set", name: `h${shard}`, value: "" },
        { op: "set", name: `u${shard}`, value: 0 },
      ]);
      const when = held.map((shard): Condition => ({ op: "=", name: `h${shard}`, value: holder }));
      const result = await this.#items.update(SHARD_LEASES_KEY, changes, { when });
      if (result.ok) return;
      const current = result.current;
      held = held.filter((shard) => current?.[`h${shard}`] === holder);
    }
  }

  /** Says that it watches the scanners; false: someone else does. Errors: `StoreUnavailable`. */
  async watch({ watchedUntilMs }: Leases): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    if (watchedUntilMs > nowMs && watchedUntilMs <= nowMs + 2 * WATCH_QUIET_MS) return false;
    const changes = [{ op: "set", name: "w", value: nowMs + WATCH_QUIET_MS }] as const;
    const unwatched: Condition =
      watchedUntilMs === 0 ? { op: "absent", name: "w" } : { op: "=", name: "w", value: watchedUntilMs };
    return (await this.#items.update(SHARD_LEASES_KEY, changes, { when: [unwatched] })).ok;
  }
}

/** Half of what one holder is behind with, rounded down. */
function shareOf(leases: readonly ShardLease[]): readonly ShardLease[] {
  const byHolder = new Map<string, ShardLease[]>();
  for (const lease of leases) if (lease.behind) byHolder.set(lease.holder, [...(byHolder.get(lease.holder) ?? []), lease]);
  let most: readonly ShardLease[] = [];
  for (const held of byHolder.values()) if (held.length > most.length) most = held;
  return most.slice(Math.ceil(most.length / 2));
}

const holding = (shard: number, { holder, endsMs }: LeaseHolder, nowMs: number, behind: boolean): readonly Change[] => [
  { op: "set", name: `h${shard}`, value: holder },
  { op: "set", name: `u${shard}`, value: nowMs + SCAN_LEASE_MS },
  { op: "set", name: `e${shard}`, value: endsMs },
  behind ? { op: "set", name: `b${shard}`, value: 1 } : { op: "remove", name: `b${shard}` },
];

function asRead(item: Item | undefined, shard: number): readonly Condition[] {
  const holder = item?.[`h${shard}`];
  const until = item?.[`u${shard}`];
  if (holder === undefined || until === undefined) return [{ op: "absent", name: `h${shard}` }];
  return [
    { op: "=", name: `h${shard}`, value: holder },
    { op: "=", name: `u${shard}`, value: until },
  ];
}

function leasesOf(item: Item | undefined, count: number): Leases {
  const number = (name: string): number => (item?.[name] as number | undefined) ?? 0;
  const shards = Array.from({ length: count }, (_, shard) => ({
    shard,
    holder: (item?.[`h${shard}`] as string | undefined) ?? "",
    untilMs: number(`u${shard}`),
    endsMs: number(`e${shard}`),
    behind: item?.[`b${shard}`] !== undefined,
  }));
  return { item, shards, watchedUntilMs: number("w") };
}
