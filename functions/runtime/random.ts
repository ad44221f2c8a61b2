import { randomFillSync } from "node:crypto";
import type { Random } from "../../core/ports/random.ts";

/** Bytes per call of the generator: a call for twelve costs as much as one for thousands. */
const POOL_BYTES = 8_192;

/** Cryptographically random bytes. No byte of the pool is handed out twice. */
export function createSystemRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(length) {
      if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length));
      if (used + length > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = pool.slice(used, used + length);
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
    fraction: () => Math.random(),
  };
}
