import type { ObjectPage, ObjectStore } from "../../core/ports/object-store.ts";
import { checkListLimit, checkObjectBytes, checkObjectKey, checkRange } from "../objects/object-limits.ts";
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

  async put(key: string, bytes: Uint8Array, options?: { readonly ifAbsent?: boolean }): Promise<{ readonly ok: boolean }> {
    return this.#metered("put", (moved) => {
      checkObjectKey(key);
      checkObjectBytes(bytes);
      if (options?.ifAbsent === true && this.#objects.has(key)) return { ok: false };
      this.#objects.set(key, new Uint8Array(bytes));
      moved(bytes.length);
      return { ok: true };
    });
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#metered("get", (moved) => this.#slice(key, 0, Number.POSITIVE_INFINITY, moved));
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#metered("getRange", (moved) => {
      checkRange(offset, length);
      return this.#slice(key, offset, offset + length, moved);
    });
  }

  async list(prefix: string, options: { readonly after?: string; readonly limit: number }): Promise<ObjectPage> {
    return this.#metered("list", () => {
      checkListLimit(options.limit);
      const { after = "", limit } = options;
      // Keys are ASCII, where the order of UTF-16 is that of UTF-8.
      const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      return { keys: keys.slice(0, limit), more: keys.length > limit };
    });
  }

  async delete(key: string): Promise<void> {
    this.#metered("delete", () => {
      checkObjectKey(key);
      this.#objects.delete(key);
    });
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
