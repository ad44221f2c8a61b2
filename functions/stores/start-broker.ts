import { type BrokerDependencies, createBroker, type RunningBroker } from "../../core/create-broker.ts";
import { endOfTurn, systemClock } from "../runtime/clock.ts";
import { deflateCompressor } from "../runtime/compressor.ts";
import { hmacSigner } from "../runtime/signer.ts";
import type { BrokerStores } from "./broker-stores.ts";

/** What differs between the processes that run a broker. */
export type BrokerSurroundings = Pick<
  BrokerDependencies,
  | "random"
  | "doorbell"
  | "events"
  | "reading"
  | "background"
  | "onFailure"
  | "onGauges"
  | "onRollGauges"
  | "timerShards"
  | "askProducer"
  | "webhookTargets"
>;

/** A broker over open stores, with this runtime's clock and codecs. If it fails, the stores are closed. Errors: as `createBroker`. */
export async function startBroker(stores: BrokerStores, surroundings: BrokerSurroundings): Promise<RunningBroker> {
  const { items, objects, settings } = stores;
  const runtime = { clock: systemClock, signer: hmacSigner, compressor: deflateCompressor, turn: endOfTurn };
  try {
    return await createBroker({ items, objects, settings, ...runtime, ...surroundings });
  } catch (error) {
    await stores.close();
    throw error;
  }
}
