import { SHARD_LEASES_KEY } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Change, Condition, Item, ItemStore } from "../ports/item-store.ts";
import { HANDOVER_MS, SCAN_LEASE_MS, SCAN_RELIEF_MS, SCAN_RENEW_MS, WATCH_QUIET_MS } from "./timer-limits.ts";

/** The scanner that holds a shard, and until when. */
export interface ShardLease {
  readonly shard: number;
  readonly holder: string;
  readonly untilMs: number;
  /** When the holder's scan ends. */
  readonly endsMs: number;
  /** Timers of the shard have been due for long. */
  readonly behind: boolean;
}

/** The leases of all shards, as read. */
export interface Leases {
  readonly item: Item | undefined;
  readonly shards: readonly ShardLease[];
  /** Until when the scanners count as watched. */
  readonly watchedUntilMs: number;
}

export interface LeaseHolder {
  readonly holder: string;
  readonly endsMs: number;
  /** Whether it takes over from a scanner whose scan ends sooner, so that there is no gap between the two. */
  readonly relieves: boolean;
}

/** The leases that were taken. */
export interface Taken {
  readonly taken: readonly number[];
  /** For shards taken from a holder that is behind: when that holder has learned of it and has finished what was under way. */
  readonly goneMs: ReadonlyMap<number, number>;
  /** The leases before that. */
  readonly leases: Leases;
}

/** A lease that ends later was written by a wrong clock. */
const LEASE_MS_MAX = 2 * SCAN_LEASE_MS;

export function isHeld({ holder, untilMs }: ShardLease, nowMs: number): boolean {
  const leftMs = untilMs - nowMs;
  return holder !== "" && leftMs > 0 && leftMs <= LEASE_MS_MAX;
}

/**
 * Leases of shards, all in one item, so that a scanner renews those it has by one write. Item `lease` / `shards`, for shard s:
 * [h<s>] holder · [u<s>] until · [e<s>] when the holder's scan ends · [b<s>] it is behind; and [w] until when the scanners are watched.
 *
 * A lease saves work and guards nothing: two scanners of one shard still fire each timer once.
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
   * Takes the free shards: those that are not held, or whose holder it relieves (its scan ends sooner and it is not behind). Also takes
   * half of the shards of a holder that is behind with several. Answers what it took, and what it read. Errors: `StoreUnavailable`.
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

  /** Renews leases. `behind`: shards with timers long due. Answers the lost shards, and all leases. Errors: `StoreUnavailable`. */
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

  /** Claims the watch over the scanners. False: another process has it. Errors: `StoreUnavailable`. */
  async watch({ watchedUntilMs }: Leases): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    if (watchedUntilMs > nowMs && watchedUntilMs <= nowMs + 2 * WATCH_QUIET_MS) return false;
    const changes = [{ op: "set", name: "w", value: nowMs + WATCH_QUIET_MS }] as const;
    const unwatched: Condition =
      watchedUntilMs === 0 ? { op: "absent", name: "w" } : { op: "=", name: "w", value: watchedUntilMs };
    return (await this.#items.update(SHARD_LEASES_KEY, changes, { when: [unwatched] })).ok;
  }
}

/** Half of the shards, rounded down, of the holder that is behind with most. */
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
