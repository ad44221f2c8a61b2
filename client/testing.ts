import { MemoryItemStore } from "../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../adapters/memory/memory-object-store.ts";
import { SOLE_PROCESS } from "../core/broker-settings.ts";
import { createBroker } from "../core/create-broker.ts";
import { createApp } from "../functions/http/app.ts";
import { AnswerMemory } from "../functions/http/bounds/answer-memory.ts";
import { BackgroundSends } from "../functions/http/bounds/background-sends.ts";
import { LongPolls } from "../functions/http/bounds/long-polls.ts";
import { RequestMemory } from "../functions/http/bounds/request-memory.ts";
import { deflateCompressor } from "../functions/runtime/compressor.ts";
import { createLog } from "../functions/runtime/log.ts";
import { createSystemRandom } from "../functions/runtime/random.ts";
import { hmacSigner } from "../functions/runtime/signer.ts";
import { Apogee, type ApogeeOptions } from "./apogee.ts";
import { TestClock } from "./test-clock.ts";

export type { TestClock } from "./test-clock.ts";

/** A broker in this process, with all it does and nothing on disk. */
export interface TestBroker extends AsyncDisposable {
  readonly apogee: Apogee;
  /** The broker's and the client's. Put forward, it makes leases end and delayed messages fall due. */
  readonly clock: TestClock;
  /** Answers what the broker's HTTP API answers; no port is opened. */
  readonly fetch: typeof fetch;
  /** Ends it; what it holds is gone. */
  stop(): Promise<void>;
}

const ENDPOINT = "http://localhost";
const MEMORY_BYTES = 256 * 1_024 * 1_024;

/** A broker for the tests of a program. The options are those of its client. Needs Node.js. */
export async function createTestBroker(options: ApogeeOptions = {}): Promise<TestBroker> {
  const testClock = new TestClock();
  const clock = { nowMs: () => testClock.now(), sleep: (ms: number, signal?: AbortSignal) => testClock.sleep(ms, signal) };
  const random = createSystemRandom();
  const { log } = createLog("error");
  const answerMemory = new AnswerMemory(MEMORY_BYTES);
  const onFailure = (error: unknown): void => log.error({ err: error }, "the test broker failed");
  const broker = await createBroker({
    items: new MemoryItemStore(),
    objects: new MemoryObjectStore(),
    reading: answerMemory,
    clock,
    random,
    signer: hmacSigner,
    compressor: deflateCompressor,
    onFailure,
    settings: SOLE_PROCESS,
  });
  const longPolls = new LongPolls();
  const background = new BackgroundSends(onFailure);
  const app = createApp({
    broker,
    log,
    clock,
    random,
    signer: hmacSigner,
    cursorKey: broker.signingKey,
    longPolls,
    background,
    memory: new RequestMemory(MEMORY_BYTES),
    answerMemory,
  });
  const stopping = new AbortController();
  const timekeeping = broker.keepGoing(stopping.signal);
  const answer: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const response = await unlessAborted(request.signal, app.fetch(request));
    // As every server does: clients learn from it what time it is for the broker.
    response.headers.set("date", new Date(testClock.now()).toUTCString());
    return response;
  };
  const stop = async (): Promise<void> => {
    longPolls.endAll();
    await background.idle();
    stopping.abort();
    await timekeeping;
    broker.stop();
  };
  return {
    apogee: new Apogee({ endpoint: ENDPOINT, fetch: answer, clock: testClock, ...options }),
    clock: testClock,
    fetch: answer,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A client that aborts hears so at once, as over a connection. */
async function unlessAborted<T>(signal: AbortSignal, work: T | Promise<T>): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
  });
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
