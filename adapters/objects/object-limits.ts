import { OBJECT_BYTES_MAX, OBJECT_KEY } from "../../core/ports/object-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";

const KEY_CHARS_MAX = 512;

export function checkObjectKey(key: string): void {
  if (key.length > KEY_CHARS_MAX || !OBJECT_KEY.test(key))
    throw new StoreMisuse(`${JSON.stringify(key)} cannot be an object's key`);
}

export function checkObjectBytes(bytes: Uint8Array): void {
  if (bytes.length > OBJECT_BYTES_MAX)
    throw new StoreMisuse(`an object of ${bytes.length} bytes; the limit is ${OBJECT_BYTES_MAX}`);
}

export function checkRange(offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 1) {
    throw new StoreMisuse(`${length} bytes from ${offset} is no range`);
  }
}
