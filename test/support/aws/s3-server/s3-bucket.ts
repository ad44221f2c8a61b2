import { createHash } from "node:crypto";

export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Base64, as the writer sent it. */
  readonly crc32: string | undefined;
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
}
