import type { SeededRandom } from "../support/seeded-random.ts";
import type { FaultRates } from "./faulty-stores.ts";

/** Some histories are nearly calm, some are terrible. Each kind of fault can be absent. */
export function profileOf(random: SeededRandom): FaultRates {
  const rate = (most: number): number => (random.chance(0.25) ? 0 : most * random.fraction());
  return {
    refused: rate(0.06),
    replyLost: rate(0.08),
    appliedLate: rate(0.08),
    requestLost: rate(0.05),
    crash: rate(0.02),
    freeze: rate(0.05),
  };
}

/** Processes fail and the network does not, so answers are certain. */
export const honestProfileOf = (random: SeededRandom): FaultRates => ({
  ...profileOf(random),
  replyLost: 0,
  appliedLate: 0,
  requestLost: 0,
});

export const losesReplies = ({ replyLost, appliedLate, requestLost }: FaultRates): boolean =>
  replyLost + appliedLate + requestLost > 0;

/** How loose the table's reads are, as over a network of replicas. */
export interface Looseness {
  /** How often the parts of a page are read at different moments. */
  readonly torn: number;
  /** How old an eventually consistent read may be. */
  readonly staleMsMax: number;
  /** Whether the items of such a page may be of different ages. */
  readonly mixed?: boolean;
}

export const STRICT: Looseness = { torn: 0, staleMsMax: 0 };
export const LOOSE: Looseness = { torn: 0.3, staleMsMax: 1_000 };
export const MIXED: Looseness = { torn: 0.3, staleMsMax: 2_000, mixed: true };
