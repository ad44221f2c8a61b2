import { createHmac, timingSafeEqual } from "node:crypto";
import type { Signer } from "../../core/ports/signer.ts";

export const hmacSigner: Signer = {
  sign: (key, bytes) => createHmac("sha256", key).update(bytes).digest(),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
