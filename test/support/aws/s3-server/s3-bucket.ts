import { createHash } from "node:crypto";

export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Base64, as the writer sent it. */
  readonly crc32: string | undefined;
}

export interface Listing {
  readonly keys: readonly string[];
  readonly truncated: boolean;
}

/** Objects in memory. */
export class S3Bucket {
  readonly #objects = new Map<string, StoredObject>();

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  put(key: string, bytes: Buffer, crc32: string | undefined): StoredObject {
    const object = { bytes, etag: `"${createHash("md5").update(bytes).digest("hex")}"`, crc32 };
    this.#objects.set(key, object);
    return object;
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  /** Keys of a prefix after another key, in the order of their UTF-8. */
  list(prefix: string, after: string, keysMax: number): Listing {
    const keys = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return { keys: keys.slice(0, keysMax), truncated: keys.length > keysMax };
  }
}
