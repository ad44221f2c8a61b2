import type { Resolution, TransactionCheck } from "../terms.ts";

/** What a producer group's endpoint said. `failure` is a sentence without secret, URL or anything the far side wrote. */
export type ProducersAnswer = { readonly resolution: Resolution | "unknown" } | { readonly failure: string };

/** Posts a check to an endpoint and reads what it says. Whatever the far side does is a value; takes seconds at most. */
export type AskProducer = (
  check: TransactionCheck,
  endpoint: { readonly url: string; readonly secret: Uint8Array },
) => Promise<ProducersAnswer>;
