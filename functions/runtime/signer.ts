import { createHmac, timingSafeEqual } from "node:crypto";
import type { Signer } from "../../core/ports/signer.ts";

export const hmacSigner: Signer = {
  sign: (key, bytes) => createHmac("sha512", key).update(bytes).digest(),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
