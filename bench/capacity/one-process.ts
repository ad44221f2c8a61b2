import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import type { Processor } from "./processor.ts";

/** Microseconds of a whole processor that calls of the adapter take, and the broker's work around them. */
export interface ProcessorTimes {
  /** One request to the table. */
  readonly call: number;
  /** A timer read by a query. */
  readonly timerRead: number;
  /** A write of a transaction. */
  readonly transacted: number;
  /** One request to the object store. */
  readonly objectCall: number;
}

/**
 * From `npm run capacity -- --processor` on two cores that were busy with other work, which separates them only roughly: a call 610, a
 * timer read 16 to 23. Writes and objects are the remainder of whole runs. Those took 210 to 310 microseconds for a timer of 1,000
 * bytes of JSON with one topic, 250 to 380 with 40, 530 for one of 4,000 bytes, 1,070 for the check of a transaction that has ended.
 */
export const MEASURED_TIMES: ProcessorTimes = { call: 610, timerRead: 25, transacted: 200, objectCall: 900 };

/** The table as one process sees it. Calls take its processor time: before for what they send, afterwards for what they bring. */
export function itemsOf(store: ItemStore, processor: Processor, times: ProcessorTimes): ItemStore {
  const called = async <T>(microseconds: number, call: () => Promise<T>): Promise<T> => {
    await processor.work(microseconds);
    return call();
  };
  return {
    get: (key, options) => called(times.call, () => store.get(key, options)),
    batchGet: (keys, options) => called(times.call, () => store.batchGet(keys, options)),
    async query(query) {
      const page = await called(times.call, () => store.query(query));
      await processor.work(page.items.length * times.timerRead);
      return page;
    },
    put: (item, options) => called(times.call, () => store.put(item, options)),
    update: (key, changes, options) => called(times.call, () => store.update(key, changes, options)),
    delete: (key, options) => called(times.call, () => store.delete(key, options)),
    transact: (writes, options) => called(times.call + writes.length * times.transacted, () => store.transact(writes, options)),
  };
}

export function objectsOf(store: ObjectStore, processor: Processor, times: ProcessorTimes): ObjectStore {
  const called = async <T>(call: () => Promise<T>): Promise<T> => {
    await processor.work(times.objectCall);
    return call();
  };
  return {
    put: (key, bytes, options) => called(() => store.put(key, bytes, options)),
    getRange: (key, offset, length) => called(() => store.getRange(key, offset, length)),
  };
}
