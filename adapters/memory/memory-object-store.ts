import { OBJECT_BYTES_MAX, OBJECT_KEY, type ObjectPage, type ObjectStore } from "../../core/ports/object-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { compareUtf8 } from "../items/attributes.ts";

const KEY_CHARS_MAX = 512;
const LIST_KEYS_MAX = 1_000;

/** The executable specification of the port: objects in memory, put whole or not at all. */
export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<string, Uint8Array>();
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  async put(key: string, bytes: Uint8Array, { ifAbsent = false }: { readonly ifAbsent?: boolean } = {}): Promise<{ readonly ok: boolean }> {
    checkObject(key, bytes);
    this.#consumed("put", bytes.length);
    if (ifAbsent && this.#objects.has(key)) return { ok: false };
    this.#objects.set(key, bytes.slice());
    return { ok: true };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const bytes = this.#objects.get(key);
    this.#consumed("get", bytes?.length ?? 0);
    return bytes?.slice();
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    const bytes = this.#objects.get(key)?.slice(offset, offset + length);
    this.#consumed("getRange", bytes?.length ?? 0);
    return bytes;
  }

  async list(prefix: string, { after = "", limit }: { readonly after?: string; readonly limit: number }): Promise<ObjectPage> {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIST_KEYS_MAX) throw new StoreMisuse(`limit ${limit} is not 1 to ${LIST_KEYS_MAX}`);
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && compareUtf8(key, after) > 0).sort(compareUtf8);
    this.#consumed("list", 0);
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  async delete(key: string): Promise<void> {
    this.#objects.delete(key);
    this.#consumed("delete", 0);
  }

  #consumed(operation: string, bytes: number): void {
    this.#telemetry.consumed({ store: "objects", operation, writeUnits: 0, readUnits: 0, requests: 1, bytes });
  }
}

export function checkObject(key: string, bytes: Uint8Array): void {
  if (key.length > KEY_CHARS_MAX || !OBJECT_KEY.test(key)) throw new StoreMisuse(`${key} is not an object key`);
  if (bytes.length > OBJECT_BYTES_MAX) throw new StoreMisuse(`an object of ${bytes.length} bytes; the limit is ${OBJECT_BYTES_MAX}`);
}
