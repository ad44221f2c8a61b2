import { SOLE_PROCESS } from "../../../core/broker-settings.ts";
import { createBroker } from "../../../core/create-broker.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../core/ports/object-store.ts";
import { AnswerMemory } from "../../../functions/http/bounds/answer-memory.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { type ServedBroker, serveBroker } from "../../../functions/http/node/serve-broker.ts";
import { systemClock } from "../../../functions/runtime/clock.ts";
import { deflateCompressor } from "../../../functions/runtime/compressor.ts";
import { createLog } from "../../../functions/runtime/log.ts";
import { createSystemRandom } from "../../../functions/runtime/random.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";

/**
 * The HTTP API over any stores, in this process, on a free port, with a process that fires timers. Frames are packed early and kept
 * small, to reach every path.
 */
export async function startTestServer(stores: { items: ItemStore; objects: ObjectStore }): Promise<ServedBroker> {
  const random = createSystemRandom();
  const { log } = createLog("error");
  const reading = new AnswerMemory(64 * 1_024 * 1_024);
  const broker = await createBroker({
    ...stores,
    reading,
    clock: systemClock,
    random,
    signer: hmacSigner,
    compressor: deflateCompressor,
    onFailure: (error) => log.error({ err: error }, "timers were not fired"),
    settings: {
      ...SOLE_PROCESS,
      inlineFrameBytesMax: 4_096,
      transactedInlineBytesMax: 4_096,
      detachedInlineBytesMax: 4_096,
      packFromBytes: 256,
    },
  });
  const server = await serveBroker({
    broker,
    log,
    random,
    signer: hmacSigner,
    host: "127.0.0.1",
    port: 0,
    memory: new RequestMemory(256 * 1_024 * 1_024),
    answerMemory: reading,
  });
  const stopping = new AbortController();
  const timekeeping = broker.keepGoing(stopping.signal);
  return {
    url: server.url,
    async stop(graceMs) {
      stopping.abort();
      await Promise.all([server.stop(graceMs), timekeeping]);
    },
  };
}
