/** The object store: immutable blobs under string keys, with S3's atomicity. A put is seen whole or not at all. */
export interface ObjectStore {
  /** Durable once it resolves. Limit: 16 MB. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void>;
  /** `length` bytes from `offset`; fewer only where the object ends. `undefined`: no such object. */
  getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined>;
}

export interface PutOptions {
  /** A store over a network gives the call up after this time, with `StoreUnavailable`; or sooner by its own timeout. */
  readonly withinMs?: number;
}

/** Keys are `[A-Za-z0-9._-]` segments joined by `/`, at most 512 characters; no segment starts with a dot. */
export const OBJECT_KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

export const OBJECT_BYTES_MAX = 16 * 1024 * 1024;
