import type { ItemStore } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";

/** What becomes of one write. After a crash of all calls that follow too. */
export type WriteFault = "replyLost" | "requestLost" | "late" | "crashBefore" | "crashAfter";

export interface FaultyWrites {
  readonly store: ItemStore;
  /** Whether it came to the write that goes wrong. */
  reached(): boolean;
  /** Applies the write that was late. */
  applyLate(): Promise<unknown>;
}

/** A store between a process and its table, where the write of a given number, from 0, goes wrong. */
export function faultyWrites(inner: ItemStore, faultyWrite: number, fault: WriteFault): FaultyWrites {
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
    transact: (together) => write(() => inner.transact(together)),
  };
  return { store, reached: () => writes > faultyWrite, applyLate: () => Promise.all(late.map((apply) => apply())) };
}
