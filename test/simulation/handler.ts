import { type BrokerSettings, SHARED_STORE } from "../../core/broker-settings.ts";
import { type BrokerDependencies, createBroker, type RunningBroker } from "../../core/create-broker.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { hmacSigner } from "../../functions/runtime/signer.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type FaultRates, FaultyItemStore, FaultyObjectStore, type Host, type Slowness, Wire } from "./faulty-stores.ts";
import { runLengthCompressor } from "./run-length-compressor.ts";
import type { World } from "./world.ts";

export interface SimulatedStores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
}

/** One process of the broker, with its own clock and caches. Its life can end between any two store calls. */
export class Handler implements Host {
  readonly name: string;
  /** How far its clock is ahead. The clock may be set forward or back. */
  skewMs: number;
  readonly broker: Promise<RunningBroker>;
  crashed = false;
  /** Resolves when it crashes. */
  readonly died: Promise<void>;
  #dies: () => void = () => undefined;

  constructor(
    name: string,
    world: World,
    stores: SimulatedStores,
    options: {
      readonly skewMs: number;
      readonly skewMarginMs: number;
      readonly slowness?: Slowness;
      readonly settings?: Partial<BrokerSettings>;
      readonly rates: () => FaultRates;
      readonly flightMs?: number;
      /** How long a sleep takes. Default: as long as it should. */
      readonly sleepMs?: ((ms: number) => number) | undefined;
      /** Replaces or adds to the dependencies below. */
      readonly dependencies?: Partial<BrokerDependencies>;
    },
  ) {
    this.name = name;
    this.died = new Promise((resolve) => {
      this.#dies = resolve;
    });
    this.skewMs = options.skewMs;
    const { sleepMs = (ms: number) => ms } = options;
    const wire = new Wire(world, this, options.rates, options.slowness);
    this.broker = createBroker({
      items: new FaultyItemStore(stores.items, wire),
      objects: new FaultyObjectStore(stores.objects, wire),
      clock: { nowMs: () => Math.floor(world.nowMs) + this.skewMs, sleep: (ms, signal) => world.sleep(sleepMs(ms), signal) },
      turn: options.settings?.soleProcess ? () => world.sleep(0) : undefined,
      random: new SeededRandom(world.random.bits()),
      signer: hmacSigner,
      compressor: runLengthCompressor,
      // Small frames are stored inline, larger ones in objects, and some are packed.
      settings: {
        ...SHARED_STORE,
        skewMarginMs: options.skewMarginMs,
        flightMs: options.flightMs ?? SHARED_STORE.flightMs,
        inlineFrameBytesMax: 600,
        transactedInlineBytesMax: 400,
        detachedInlineBytesMax: 300,
        packFromBytes: 200,
        ...options.settings,
      },
      ...options.dependencies,
    });
    // A caller retries a handler that cannot open its store.
    this.broker.catch(() => undefined);
  }

  crash(): void {
    this.crashed = true;
    this.#dies();
  }
}
