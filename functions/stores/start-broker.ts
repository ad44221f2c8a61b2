import { createBroker, type RunningBroker } from "../../core/create-broker.ts";
import type { Random } from "../../core/ports/random.ts";
import { systemClock } from "../runtime/clock.ts";
import { deflateCompressor } from "../runtime/compressor.ts";
import { hmacSigner } from "../runtime/signer.ts";
import type { BrokerStores } from "./broker-stores.ts";

/** A broker above open stores, with this runtime's clock, chance and codecs. Closes them when it fails. Errors: as `createBroker`. */
export async function startBroker(stores: BrokerStores, random: Random): Promise<RunningBroker> {
  const { items, objects, settings } = stores;
  const runtime = { random, clock: systemClock, signer: hmacSigner, compressor: deflateCompressor };
  try {
    return await createBroker({ items, objects, settings, ...runtime });
  } catch (error) {
    await stores.close();
    throw error;
  }
}
