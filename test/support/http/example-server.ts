import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { createApp } from "../../../functions/http/app.ts";
import { BackgroundSends } from "../../../functions/http/bounds/background-sends.ts";
import { LongPolls } from "../../../functions/http/bounds/long-polls.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { createLog } from "../../../functions/runtime/log.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";
import { testBroker } from "../broker/broker-over-table.ts";
import { ManualClock } from "../clocks/manual-clock.ts";
import { SeededRandom } from "../seeded-random.ts";

export interface ExampleServer {
  readonly objects: MemoryObjectStore;
  request(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>; body?: string | undefined },
  ): Promise<Response>;
  /** A request with a JSON body that must succeed. Errors: if it does not. */
  done(method: string, path: string, body?: object): Promise<unknown>;
  /** Moves the clock forward, which otherwise stands still, and lets everything happen that is due. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Ids are random. Every turn begins at the first queue. */
class FirstQueueRandom extends SeededRandom {
  override fraction(): number {
    return 0;
  }
}

/** The API over a store in memory, at a known time, in this process: its answers can be written down beforehand. */
export async function exampleServer(): Promise<ExampleServer> {
  const clock = new ManualClock();
  const random = new FirstQueueRandom(7);
  const objects = new MemoryObjectStore();
  const { log } = createLog("error");
  const onFailure = (error: unknown) => log.error({ err: error }, "work that no request waits for failed");
  const broker = await testBroker({ items: new MemoryItemStore(), objects, clock, random, onFailure });
  const app = createApp({
    broker,
    log,
    clock,
    random,
    signer: hmacSigner,
    cursorKey: broker.signingKey,
    longPolls: new LongPolls(),
    background: new BackgroundSends(onFailure),
    memory: new RequestMemory(1 << 24),
  });
  const stopping = new AbortController();
  const running = broker.keepGoing(stopping.signal);
  const request: ExampleServer["request"] = async (method, path, { headers = {}, body } = {}) =>
    app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
  return {
    objects,
    request,
    async done(method, path, body) {
      const headers = { "Content-Type": "application/json" };
      const response = await request(method, path, body === undefined ? {} : { headers, body: JSON.stringify(body) });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status} ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    },
    pass: (ms) => clock.pass(ms),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
