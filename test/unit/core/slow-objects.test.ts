import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { FrameObjects } from "../../../core/log/frame-objects.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../core/ports/object-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { deflateCompressor as compressor } from "../../../functions/runtime/compressor.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const STEP_MS = 100;
/** What the adapter gives a put at most. */
const PUT_MS_MAX = 10_000;

interface Fate {
  readonly ms: number;
  readonly fails?: true;
}

const SILENCE: Fate = { ms: Number.POSITIVE_INFINITY };

/** An object store at the end of a slow network: what becomes of each put `fateOf` says. It is given up when its caller wants it. */
function slowObjects(clock: ManualClock, fateOf: (puts: number) => Fate): ObjectStore & { puts: number } {
  const inner = new MemoryObjectStore();
  const slow = {
    puts: 0,
    getRange: inner.getRange.bind(inner),
    async put(key: string, bytes: Uint8Array, { withinMs = PUT_MS_MAX } = {}) {
      const { ms, fails } = fateOf(++slow.puts);
      await clock.sleep(Math.min(ms, withinMs, PUT_MS_MAX));
      if (fails || ms > Math.min(withinMs, PUT_MS_MAX)) throw new StoreUnavailable("unknown", "unavailable", "no reply in time");
      return inner.put(key, bytes);
    },
  };
  return slow;
}

const refused = async (): Promise<never> => {
  throw new StoreUnavailable("not-applied", "throttled", "too hot");
};

/** How long it took until the answer, by the clock. */
async function timed<T>(clock: ManualClock, call: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const startMs = clock.nowMs();
  let ended = false;
  const result = call().finally(() => {
    ended = true;
  });
  for (let ms = 0; !ended && ms < 60_000; ms += STEP_MS) await clock.pass(STEP_MS);
  return { result: await result, ms: clock.nowMs() - startMs };
}

describe("a large send while the object store hardly answers", () => {
  const never = () => SILENCE;
  /** The second try begins at the very end of the time. */
  const lateFailure = (puts: number): Fate => (puts === 1 ? { ms: 9_900, fails: true } : SILENCE);

  it.each([
    ["at once", {}, never],
    ["delayed", { delayMs: 3_600_000 }, never],
    ["at once, after a try that fails late", {}, lateFailure],
    ["delayed, after a try that fails late", { delayMs: 3_600_000 }, lateFailure],
  ])("is told within ten seconds and a little that it was not stored: %s", async (_, fields, fateOf) => {
    const clock = new ManualClock();
    const objects = slowObjects(clock, fateOf);
    const items = new MemoryItemStore();
    const broker = await testBroker({ items, objects, clock, settings: SHARED_STORE });
    await broker.putTopic("orders", { type: "MIXED" });
    const message = { body: new SeededRandom(1).bytes(50_000), ...fields };
    const { result, ms } = await timed(clock, () => broker.sendMessages("orders", [message]));
    expect(result).toMatchObject([{ code: "STORE_UNAVAILABLE", effect: "none" }]);
    expect(ms).toBeLessThanOrEqual(11_000);
  });

  it("is told so within that time too where its object is stored in the end, and no queue takes it", async () => {
    const clock = new ManualClock();
    const objects = slowObjects(clock, () => ({ ms: 9_500 }));
    const items = new MemoryItemStore();
    const busy: ItemStore = {
      get: (key, options) => items.get(key, options),
      batchGet: (keys, options) => items.batchGet(keys, options),
      query: (query) => items.query(query),
      put: refused,
      update: refused,
      delete: refused,
      transact: refused,
    };
    const given = { items, objects, clock, settings: SHARED_STORE };
    await (await testBroker(given)).putTopic("orders", { queues: 4 });
    const broker = await testBroker({ ...given, items: busy });
    const message = { body: new SeededRandom(1).bytes(50_000) };
    const { result, ms } = await timed(clock, () => broker.sendMessages("orders", [message]));
    expect(result).toMatchObject([{ code: "STORE_UNAVAILABLE" }]);
    expect(ms).toBeLessThanOrEqual(11_000);
  });
});

it("frames that share an object each have the whole of their time", async () => {
  const clock = new ManualClock();
  let open = false;
  const objects = slowObjects(clock, () => (open ? { ms: 0 } : SILENCE));
  const frames = new FrameObjects({ objects, clock, random: new SeededRandom(1), compressor });
  const put = (untilMs: number) =>
    frames.put(new Uint8Array(20_000), 4, untilMs).then(
      () => "stored",
      () => "failed",
    );
  const startMs = clock.nowMs();
  const both = Promise.all([put(startMs + 1_000), put(startMs + 5_000)]);
  await clock.pass(0);
  open = true;
  for (let ms = 0; ms < 10_000; ms += STEP_MS) await clock.pass(STEP_MS);
  expect(await both).toEqual(["failed", "stored"]);
});
