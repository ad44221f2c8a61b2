import type { Resolution, TransactionCheck } from "./transaction.ts";

/** The answer of a producer group's endpoint. `failure` is a sentence without secret, URL or text from the far side. */
export type ProducersAnswer =
  | { readonly resolution: Resolution | "unknown" }
  | {
      readonly failure: string;
      /** `answered`: the answer was unusable. `notCalled`: no call was made. Absent: no answer came. */
      readonly endpoint?: "answered" | "notCalled" | undefined;
    };

/**
 * Posts a check to an endpoint and reads its answer. Whatever the far side does is a value. Takes seconds at most. The check's message
 * may be large: hold no more of it than is being sent.
 */
export type AskProducer = (
  check: TransactionCheck,
  endpoint: { readonly url: string; readonly secret: Uint8Array },
) => Promise<ProducersAnswer>;
