import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";

/** The fault of one write; a crash also concerns all later ones. */
export type Fault = "replyLost" | "requestLost" | "late" | "crashBefore" | "crashAfter";
export const FAULTS: readonly Fault[] = ["replyLost", "requestLost", "late", "crashBefore", "crashAfter"];

/** A store between a process and its table, in which the write of a given number fails. */
export function faulty(inner: ItemStore, faultyWrite: number, fault: Fault) {
  let writes = 0;
  let crashed = false;
  const late: (() => Promise<unknown>)[] = [];
  const lost = () => new StoreUnavailable("unknown", "unavailable", "no reply");
  const write = async <T>(apply: () => Promise<T>): Promise<T> => {
    if (crashed) throw lost();
    if (writes++ !== faultyWrite) return apply();
    crashed = fault === "crashBefore" || fault === "crashAfter";
    if (fault === "replyLost" || fault === "crashAfter") await apply();
    if (fault === "late") late.push(apply);
    throw lost();
  };
  const read = <T>(apply: () => Promise<T>): Promise<T> => (crashed ? Promise.reject(lost()) : apply());
  const store: ItemStore = {
    get: (key, options) => read(() => inner.get(key, options)),
    batchGet: (keys, options) => read(() => inner.batchGet(keys, options)),
    query: (query) => read(() => inner.query(query)),
    put: (item, options) => write(() => inner.put(item, options)),
    update: (key, changes, options) => write(() => inner.update(key, changes, options)),
    delete: (key, options) => write(() => inner.delete(key, options)),
    transact: (writesTogether) => write(() => inner.transact(writesTogether)),
  };
  return { store, reached: () => writes > faultyWrite, applyLate: () => Promise.all(late.map((apply) => apply())) };
}
