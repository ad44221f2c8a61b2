import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { type BrokerSettings, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import { type BrokerDependencies, createBroker, type RunningBroker } from "../../../core/create-broker.ts";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { deflateCompressor } from "../../../functions/runtime/compressor.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";
import { JumpingClock } from "../clocks/jumping-clock.ts";
import { SeededRandom } from "../seeded-random.ts";

/** A broker over dependencies that a test gives: a store and a clock at least. */
export const testBroker = (
  given: Pick<BrokerDependencies, "items" | "clock"> & Partial<BrokerDependencies>,
): Promise<RunningBroker> =>
  createBroker({
    objects: new MemoryObjectStore(),
    random: new SeededRandom(1),
    signer: hmacSigner,
    compressor: deflateCompressor,
    settings: SOLE_PROCESS,
    ...given,
  });

/** One table, over which processes come and go. While all of them sleep, the clock jumps to the first that wakes. */
export function brokerOverTable(settings: BrokerSettings = SOLE_PROCESS) {
  const items = new MemoryItemStore();
  const objects = new MemoryObjectStore();
  const failures: unknown[] = [];
  let processes = 0;
  const clock = new JumpingClock();
  const dependencies = (store: ItemStore = items): BrokerDependencies => ({
    items: store,
    objects,
    clock,
    random: new SeededRandom(++processes),
    signer: hmacSigner,
    compressor: deflateCompressor,
    settings,
    onFailure: (error) => failures.push(error),
  });
  return {
    items,
    objects,
    clock,
    /** Failures that no caller was told. */
    failures,
    /** The dependencies of a new process, for a differently built broker. */
    dependencies,
    process: (store: ItemStore = items, doorbell?: Doorbell, others: Partial<BrokerDependencies> = {}): Promise<RunningBroker> =>
      createBroker({ ...dependencies(store), doorbell, ...others }),
    /** Moves the clock forward, and answers the time. */
    pass: (ms: number): number => clock.pass(ms),
  };
}

/** Everything that a group can receive now, as text, in order. It is acked. */
export async function receivedTexts(broker: RunningBroker, group: string): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const messages = await broker.receiveMessages(group, { max: 32, waitMs: 0 });
    if (messages.length === 0) return texts;
    texts.push(...messages.map(({ body }) => Buffer.from(body).toString()));
    await broker.settleMessages(
      group,
      messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
    );
  }
}
