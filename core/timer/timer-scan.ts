import type { HearGauges, TimerGauges } from "../ports/gauges.ts";
import type { Random } from "../ports/random.ts";
import { Sleeper } from "../wake/sleeper.ts";
import type { TimerBell } from "../wake/timer-bell.ts";
import type { Firing } from "./fire-batch.ts";
import { FiringLanes } from "./firing-lanes.ts";
import { ALL_SHARDS, type HeldShards } from "./held-shards.ts";
import { ShardReader } from "./shard-reader.ts";
import { ShardUnits } from "./shard-units.ts";
import { GLANCE_MS_MAX } from "./timer-limits.ts";
import type { TimerShards } from "./timer-shards.ts";

export interface Scanning extends Firing {
  readonly random: Random;
  readonly bell: TimerBell;
  readonly shards: TimerShards;
  /** Write units a second that one shard takes. */
  readonly unitsPerSecond: number;
  /** Told each error that stopped some timers for a while. */
  readonly onFailure: (error: unknown) => void;
  readonly onGauges: HearGauges;
  /** How many checks were not posted so far. */
  readonly checksNotPosted: () => number;
}

/** How often a scan looks, and how far ahead. */
export interface ScanPace {
  readonly lookMs: number;
  readonly aheadMs: number;
}

/** The pause after a failed look. */
const RETRY_MS = 200;
/** The pause after a look whose timers could not be taken. */
const HELD_UP_MS = 500;

interface ScannedShard {
  readonly reader: ShardReader;
  readonly sleeper: Sleeper;
  readonly leaving: AbortController;
  running: Promise<void>;
  /** The earliest due time written since the last look. */
  writtenMs: number;
  lookedMs: number;
}

/**
 * Fires what falls due in the shards that it holds. Each shard is read by a loop of its own, all into the same lanes. A shard whose
 * reads fail, and a lane whose writes fail, are tried again, and hold up no other.
 */
export class TimerScan {
  readonly #scanning: Scanning;
  readonly #pace: ScanPace;
  readonly #lanes: FiringLanes;
  readonly #units = new Map<number, ShardUnits>();
  readonly #held = new Map<number, ScannedShard>();
  /** The readers of the shards that are held, or glanced at. */
  readonly #readers = new Map<number, ShardReader>();
  readonly #ended: Promise<void>[] = [];
  readonly #changed: Sleeper;
  #foundMuch = false;
  readonly #deafen: () => void;

  constructor(scanning: Scanning, pace: ScanPace) {
    const { clock, random, onFailure } = scanning;
    this.#scanning = scanning;
    this.#pace = pace;
    this.#changed = new Sleeper(clock);
    this.#lanes = new FiringLanes({
      firing: scanning,
      random: () => random.fraction(),
      held: () => this.#heldShards(),
      unitsOf: (shard) => this.#unitsOf(shard),
      onFailure,
      onSpace: (shard) => this.#wakeBehind(shard),
      onDropped: (first, lane) => this.#readers.get(first.timer.shard)?.rewind(first, lane),
      onProgress: () => {
        if (!this.#lanes.isFiring) this.#changed.wake();
      },
    });
    this.#deafen = scanning.bell.hear((dueMs) => this.#written(dueMs));
  }

  get report(): { readonly fired: number; readonly parked: number } {
    return this.#lanes.report;
  }

  /** The last glance did not read all that was due. */
  get foundMuch(): boolean {
    return this.#foundMuch;
  }

  /** Nothing is due, in memory, or due within the horizon, according to the last looks. */
  get isIdle(): boolean {
    if (!this.#lanes.isIdle) return false;
    for (const { reader, writtenMs } of this.#held.values())
      if (!reader.isDone || reader.nextMs !== undefined || writtenMs !== Number.POSITIVE_INFINITY) return false;
    return true;
  }

  gauges(): TimerGauges {
    const { clock, checksNotPosted } = this.#scanning;
    const nowMs = clock.nowMs();
    let oldestDueMs = 0;
    let due = this.#lanes.size;
    for (const [shard, { reader }] of this.#held) {
      oldestDueMs = Math.max(oldestDueMs, nowMs - (this.oldestDueMs(shard) ?? nowMs));
      due += reader.passedOver;
    }
    return { oldestDueMs, due, checksNotPosted: checksNotPosted() };
  }

  /** The due time of the shard's oldest timer that is not fired. */
  oldestDueMs(shard: number): number | undefined {
    const times = [this.#lanes.oldestDueMs(shard), this.#held.get(shard)?.reader.oldestDueMs()];
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /**
   * One look at each shard, a few pages at most. What it found is fired, or still under way after GLANCE_MS_MAX. Answers whether more
   * is due, or will be within the horizon. For a scan that holds nothing yet.
   */
  async glance(): Promise<boolean> {
    const { items, clock, shards, onFailure } = this.#scanning;
    const readers = Array.from({ length: shards.count }, (_, shard) => new ShardReader({ items, clock }, this.#lanes, shard));
    for (const reader of readers) this.#readers.set(reader.shard, reader);
    const read = await Promise.allSettled(readers.map((reader) => reader.glance(this.#pace.aheadMs)));
    const failed = read.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    for (const error of failed) onFailure(error);
    // If a few timers are not all, they are fired with those behind them: a transaction for each shard's few would cost more.
    this.#foundMuch = !readers.every((reader) => reader.isDone);
    if (!this.#foundMuch) this.#lanes.go();
    const untilMs = clock.nowMs() + GLANCE_MS_MAX;
    while (this.#lanes.isFiring && clock.nowMs() < untilMs) await this.#changed.sleep(untilMs - clock.nowMs());
    const more = readers.some((reader) => !reader.isDone || reader.nextMs !== undefined);
    const left = !this.#lanes.isIdle;
    for (const { shard } of readers) {
      this.#readers.delete(shard);
      this.#lanes.release(shard);
    }
    return more || left || failed.length > 0;
  }

  /** Scans exactly these shards from now on; a new one from its time in `fromMs`, if it has one. */
  hold(shards: readonly number[], fromMs?: ReadonlyMap<number, number>): void {
    for (const [shard, { reader, leaving, running }] of this.#held) {
      if (shards.includes(shard)) continue;
      reader.leave();
      leaving.abort();
      this.#held.delete(shard);
      this.#readers.delete(shard);
      this.#lanes.release(shard);
      this.#ended.push(running);
    }
    for (const shard of shards) {
      if (this.#held.has(shard)) continue;
      const { items, clock } = this.#scanning;
      const reader = new ShardReader({ items, clock }, this.#lanes, shard);
      this.#readers.set(shard, reader);
      const held: ScannedShard = {
        reader,
        sleeper: new Sleeper(clock),
        leaving: new AbortController(),
        running: Promise.resolve(),
        // Looks at once.
        writtenMs: 0,
        lookedMs: Number.NEGATIVE_INFINITY,
      };
      this.#held.set(shard, held);
      held.running = this.#scan(held, fromMs?.get(shard) ?? 0);
    }
  }

  /** Waits until something changed, or for `ms`. */
  changed(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#changed.sleep(ms, signal);
  }

  /** Stops, and resolves once nothing is under way. Batches that wait for units are given up. */
  async stop(): Promise<void> {
    this.#deafen();
    this.hold([]);
    const stopped = this.#lanes.stop();
    for (const units of this.#units.values()) units.stop();
    await Promise.all([stopped, ...this.#ended]);
  }

  async #scan(held: ScannedShard, fromMs: number): Promise<void> {
    const { clock, onFailure } = this.#scanning;
    const { signal } = held.leaving;
    const waitMs = fromMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    while (!signal.aborted) {
      const waitMs = await this.#look(held).catch((error: unknown) => {
        onFailure(error);
        return RETRY_MS;
      });
      if (this.isIdle) this.#changed.wake();
      if (waitMs > 0) await held.sleeper.sleep(waitMs, signal);
      else await clock.sleep(0);
    }
  }

  /** Looks once. Answers how long to wait for the next look. */
  async #look(held: ScannedShard): Promise<number> {
    const { clock } = this.#scanning;
    const { reader } = held;
    const { lookMs, aheadMs } = this.#pace;
    const nowMs = clock.nowMs();
    const front =
      nowMs >= Math.min(held.lookedMs + lookMs, held.writtenMs, reader.nextMs ?? Number.POSITIVE_INFINITY) ||
      nowMs < held.lookedMs;
    if (front) {
      held.lookedMs = nowMs;
      held.writtenMs = Number.POSITIVE_INFINITY;
    }
    try {
      if (await reader.look(front, aheadMs)) return 0;
    } catch (error) {
      // The failed look saw nothing, so it is repeated.
      held.writtenMs = Math.min(held.writtenMs, nowMs);
      throw error;
    }
    const againMs = reader.isHeldUp ? clock.nowMs() + HELD_UP_MS : Number.POSITIVE_INFINITY;
    const nextMs = Math.min(held.lookedMs + lookMs, held.writtenMs, reader.nextMs ?? Number.POSITIVE_INFINITY, againMs);
    return Math.max(0, nextMs - clock.nowMs());
  }

  #written(dueMs: number): void {
    for (const held of this.#held.values()) {
      if (dueMs >= held.writtenMs) continue;
      held.writtenMs = dueMs;
      held.sleeper.wake();
    }
  }

  #wakeBehind(shard: number): void {
    const held = this.#held.get(shard);
    if (held?.reader.isBehind) held.sleeper.wake();
  }

  /** All shards while the scan only glances. */
  #heldShards(): HeldShards {
    const { count } = this.#scanning.shards;
    return this.#held.size === 0 ? ALL_SHARDS : { shards: [...this.#held.keys()], count };
  }

  #unitsOf(shard: number): ShardUnits {
    let units = this.#units.get(shard);
    if (!units) {
      units = new ShardUnits(this.#scanning.clock, this.#scanning.unitsPerSecond);
      this.#units.set(shard, units);
    }
    return units;
  }
}
