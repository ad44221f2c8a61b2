import type { Resolution, TransactionCheck } from "./transaction.ts";

/** What a producer group's endpoint said. `failure` is a sentence without secret, URL or anything the far side wrote. */
export type ProducersAnswer =
  | { readonly resolution: Resolution | "unknown" }
  | {
      readonly failure: string;
      /** It answered, with nothing that can be used; or it was not called at all. Absent: it did not answer. */
      readonly endpoint?: "answered" | "notCalled" | undefined;
    };

/**
 * Posts a check to an endpoint and reads what it says. Whatever the far side does is a value; takes seconds at most. The check's
 * message may be large: hold no more of it than is on its way.
 */
export type AskProducer = (
  check: TransactionCheck,
  endpoint: { readonly url: string; readonly secret: Uint8Array },
) => Promise<ProducersAnswer>;
