import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import type { Consumption } from "../../adapters/telemetry.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { createBroker, type RunningBroker } from "../../core/create-broker.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { deflateCompressor } from "../../functions/runtime/compressor.ts";
import { hmacSigner } from "../../functions/runtime/signer.ts";
import { World } from "../../test/simulation/world.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import type { Use } from "./price-book.ts";

/** The consumption of an operation. */
export interface Metered extends Use {
  /** Store calls one after another: concurrent ones count as one. */
  readonly roundTrips: number;
  readonly requests: number;
  /** Conditional writes whose condition failed. */
  readonly lostRaces: number;
  /** Invocations of the scanner by senders. */
  readonly rings: number;
}

const TRIP_MS = 10;
const THINKING_MS_MAX = 20;

/**
 * The broker as it runs on AWS, over stores that count what DynamoDB and S3 would bill. Each call takes ten milliseconds of a clock
 * that jumps, so the duration of an operation shows its round trips.
 */
export class MeteredStage {
  readonly #world = new World(new SeededRandom(1));
  readonly #consumed: Consumption[] = [];
  readonly #items: ItemStore;
  readonly #objects: ObjectStore;
  /** Whether trips take uneven times. */
  crowded = false;
  #lostRaces = 0;
  #rings = 0;

  constructor() {
    const telemetry = { consumed: (consumption: Consumption) => void this.#consumed.push(consumption) };
    this.#items = this.#slow(new MemoryItemStore(telemetry));
    this.#objects = this.#slow(new MemoryObjectStore(telemetry));
  }

  /** Starts a new process with empty caches. */
  startHandler(): Promise<RunningBroker> {
    return createBroker({
      items: this.#items,
      objects: this.#objects,
      clock: { nowMs: () => this.#world.nowMs, sleep: (ms, signal) => this.#world.sleep(ms, signal) },
      random: this.#world.random,
      signer: hmacSigner,
      compressor: deflateCompressor,
      settings: SHARED_STORE,
      doorbell: { ring: () => this.#ring() },
    });
  }

  async #ring(): Promise<void> {
    this.#rings++;
    await this.#world.sleep(TRIP_MS);
  }

  /** What a process does between two requests. */
  thinkingMs(): number {
    return this.#world.random.integer(0, THINKING_MS_MAX);
  }

  nowMs(): number {
    return this.#world.nowMs;
  }

  pass(ms: number): Promise<void> {
    return this.#world.sleep(ms);
  }

  /** Runs `operation` and answers its consumption. `waitMs` of it are waiting, not store calls. */
  async meter(operation: () => Promise<unknown>, waitMs = 0): Promise<Metered> {
    const consumedBefore = this.#consumed.length;
    const lostBefore = this.#lostRaces;
    const ringsBefore = this.#rings;
    const startedAtMs = this.#world.nowMs;
    await operation();
    const consumed = this.#consumed.slice(consumedBefore);
    const sum = (pick: (consumption: Consumption) => number): number => consumed.reduce((total, one) => total + pick(one), 0);
    const objects = (put: boolean): number =>
      sum(({ store, operation: name, requests }) => (store === "objects" && (name === "put") === put ? requests : 0));
    return {
      roundTrips: Math.round((this.#world.nowMs - startedAtMs - waitMs) / TRIP_MS),
      requests: sum(({ requests }) => requests),
      writeUnits: sum(({ writeUnits }) => writeUnits),
      readUnits: sum(({ readUnits }) => readUnits),
      objectPuts: objects(true),
      objectGets: objects(false),
      lostRaces: this.#lostRaces - lostBefore,
      rings: this.#rings - ringsBefore,
    };
  }

  /** Runs the world until `story` has ended. */
  async play<T>(story: () => Promise<T>): Promise<T> {
    let ended = false;
    const outcome = story().finally(() => {
      ended = true;
    });
    // The caller that awaits the outcome gets the failure. Here it only ends the play.
    outcome.catch(() => undefined);
    await this.#world.run(() => ended);
    return outcome;
  }

  /** Half a trip. Always the same without others; in a crowd, where it decides who is first, as uneven as on a network. */
  #half(): number {
    return this.crowded ? this.#world.random.integer(1, TRIP_MS - 1) : TRIP_MS / 2;
  }

  /** The same store, with every call a trip away. */
  #slow<T extends object>(store: T): T {
    const stage = this;
    return new Proxy(store, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...given: unknown[]) => {
          await stage.#world.sleep(stage.#half());
          const answer: unknown = await method.apply(target, given);
          if (isLostRace(answer)) stage.#lostRaces++;
          await stage.#world.sleep(stage.#half());
          return answer;
        };
      },
    });
  }
}

const isLostRace = (answer: unknown): boolean => typeof answer === "object" && answer !== null && "ok" in answer && !answer.ok;
