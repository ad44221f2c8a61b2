import type { ObjectStore } from "../../core/ports/object-store.ts";
import { checkObjectBytes, checkObjectKey, checkRange } from "../objects/object-limits.ts";
import type { Telemetry } from "../telemetry.ts";

/**
 * The object store's executable specification. A call takes effect before it returns its promise, in the order of the calls.
 * What it is given and what it hands out are copies.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly #telemetry: Telemetry | undefined;
  readonly #objects = new Map<string, Uint8Array>();

  constructor(telemetry?: Telemetry) {
    this.#telemetry = telemetry;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#metered("put", (moved) => {
      checkObjectKey(key);
      checkObjectBytes(bytes);
      this.#objects.set(key, new Uint8Array(bytes));
      moved(bytes.length);
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#metered("getRange", (moved) => {
      checkRange(offset, length);
      return this.#slice(key, offset, offset + length, moved);
    });
  }

  /** The keys under `prefix`, for tests that look at objects or lose some. Durable stores have no such method. */
  keys(prefix = ""): readonly string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  lose(key: string): void {
    this.#objects.delete(key);
  }

  #slice(key: string, from: number, to: number, moved: (bytes: number) => void): Uint8Array | undefined {
    checkObjectKey(key);
    const bytes = this.#objects.get(key)?.slice(from, to);
    moved(bytes?.length ?? 0);
    return bytes;
  }

  #metered<T>(operation: string, run: (moved: (bytes: number) => void) => T): T {
    let bytes = 0;
    try {
      return run((moved) => {
        bytes += moved;
      });
    } finally {
      this.#telemetry?.consumed({ store: "objects", operation, writeUnits: 0, readUnits: 0, requests: 1, bytes });
    }
  }
}
