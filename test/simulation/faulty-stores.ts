import type {
  Change,
  Item,
  ItemStore,
  Key,
  Query,
  QueryPage,
  ReadOptions,
  TransactResult,
  TransactWrite,
  WriteOptions,
  WriteResult,
} from "../../core/ports/item-store.ts";
import type { ObjectStore, PutOptions } from "../../core/ports/object-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { World } from "./world.ts";

/** The probability of each fault in one store call. */
export interface FaultRates {
  readonly refused: number;
  /** Applied, but the caller gets a failure. */
  readonly replyLost: number;
  /** The caller gives up; it is applied later. */
  readonly appliedLate: number;
  /** Never applied, but the caller cannot know. */
  readonly requestLost: number;
  readonly crash: number;
  readonly freeze: number;
}

export const NO_FAULTS: FaultRates = { refused: 0, replyLost: 0, appliedLate: 0, requestLost: 0, crash: 0, freeze: 0 };

export const LATE_MS_MAX = 30_000;
export const FREEZE_MS_MAX = 90_000;

/** How long slow calls and freezes take. */
export interface Slowness {
  readonly lateMsMax: number;
  readonly freezeMsMax: number;
}
/** A call may be applied a quarter of an hour late, and a process may be frozen for longer than an hour. */
export const VERY_SLOW: Slowness = { lateMsMax: 900_000, freezeMsMax: 6_000_000 };
/** Where one process is alone on its store: a call takes effect while whoever sent it is about to give up, and not much later. */
export const QUITE_SLOW: Slowness = { lateMsMax: 30_000, freezeMsMax: 15_000 };
/** A process may be frozen for more than a day. */
export const STALLING: Slowness = { lateMsMax: 900_000, freezeMsMax: 120_000_000 };
const USUAL: Slowness = { lateMsMax: LATE_MS_MAX, freezeMsMax: FREEZE_MS_MAX };
const GIVE_UP_MS_MAX = 3_000;
/** How often the last call of a process that dies is applied later. */
const OUTLIVED = 0.3;

/** The process a store belongs to. After a crash its calls never answer. */
export interface Host {
  readonly name: string;
  readonly crashed: boolean;
  crash(): void;
}

/** The wire between one handler and the stores. It is slow, loses messages, and at times kills the handler. */
export class Wire {
  readonly #world: World;
  readonly #host: Host;
  readonly #rates: () => FaultRates;
  readonly #slowness: Slowness;

  constructor(world: World, host: Host, rates: () => FaultRates, slowness: Slowness = USUAL) {
    this.#world = world;
    this.#host = host;
    this.#rates = rates;
    this.#slowness = slowness;
  }

  async call<T>(what: string, writes: boolean, apply: () => Promise<T>): Promise<T> {
    const { random } = this.#world;
    const rates = this.#rates();
    await this.#travel(random.integer(0, 12));
    const fails = (probability: number): boolean => random.chance(probability);
    const note = (how: string): void => this.#world.note(`${this.#host.name} ${what} ${how}`);
    if (fails(rates.refused)) {
      note("refused");
      throw new StoreUnavailable("not-applied", random.chance(0.5) ? "conflict" : "throttled", "refused");
    }
    if (writes && fails(rates.appliedLate)) {
      note("late");
      this.#later(apply);
      return this.#lost();
    }
    if (writes && fails(rates.requestLost)) {
      note("request lost");
      return this.#lost();
    }
    if (fails(rates.crash)) {
      note("crash");
      if (writes && rates.appliedLate > 0 && random.chance(OUTLIVED)) this.#later(apply);
      else if (random.chance(0.5)) await apply().catch(refusedUnheard);
      this.#host.crash();
      return this.#travel(0).then(() => this.#lost());
    }
    const result = await apply();
    note(told(result));
    if (writes && fails(rates.replyLost)) return this.#lost();
    await this.#travel(fails(rates.freeze) ? random.integer(1_000, this.#slowness.freezeMsMax) : random.integer(0, 12));
    return result;
  }

  #later(apply: () => Promise<unknown>): void {
    const { random, nowMs } = this.#world;
    this.#world.at(nowMs + random.integer(0, this.#slowness.lateMsMax), () => void apply().catch(refusedUnheard));
  }

  async #lost(): Promise<never> {
    await this.#travel(this.#world.random.integer(50, GIVE_UP_MS_MAX));
    throw new StoreUnavailable("unknown", "unavailable", "no reply");
  }

  /** A crashed handler's calls neither depart nor return. */
  async #travel(ms: number): Promise<void> {
    if (!this.#host.crashed) await this.#world.sleep(ms);
    if (this.#host.crashed) await new Promise<never>(() => undefined);
  }
}

/** The table itself refused a call whose caller no longer listens. */
function refusedUnheard(error: unknown): void {
  if (!StoreUnavailable.is(error)) throw error;
}

/** Enough of a result to distinguish two histories. */
function told(result: unknown): string {
  if (typeof result !== "object" || result === null) return "nothing";
  if ("ok" in result) return result.ok ? "ok" : "not ok";
  return "items" in result && Array.isArray(result.items) ? `${result.items.length} items` : "something";
}

export class FaultyItemStore implements ItemStore {
  readonly #inner: ItemStore;
  readonly #wire: Wire;

  constructor(inner: ItemStore, wire: Wire) {
    this.#inner = inner;
    this.#wire = wire;
  }

  get(key: Key, options?: ReadOptions): Promise<Item | undefined> {
    return this.#wire.call(`get ${key.pk}`, false, () => this.#inner.get(key, options));
  }

  batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]> {
    return this.#wire.call("batchGet", false, () => this.#inner.batchGet(keys, options));
  }

  put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#wire.call(`put ${item.pk} ${item.sk}`, true, () => this.#inner.put(item, options));
  }

  update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#wire.call(`update ${key.pk} ${key.sk}`, true, () => this.#inner.update(key, changes, options));
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#wire.call(`delete ${key.pk} ${key.sk}`, true, () => this.#inner.delete(key, options));
  }

  query(query: Query): Promise<QueryPage> {
    return this.#wire.call(`query ${query.pk}`, false, () => this.#inner.query(query));
  }

  transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    return this.#wire.call("transact", true, () => this.#inner.transact(writes));
  }
}

export class FaultyObjectStore implements ObjectStore {
  readonly #inner: ObjectStore;
  readonly #wire: Wire;

  constructor(inner: ObjectStore, wire: Wire) {
    this.#inner = inner;
    this.#wire = wire;
  }

  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void> {
    return this.#wire.call(`put ${key}`, true, () => this.#inner.put(key, bytes, options));
  }

  getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#wire.call(`getRange ${key}`, false, () => this.#inner.getRange(key, offset, length));
  }
}
