import type { components } from "./api-types.ts";
import { ApogeeError, type Effect, mayPass, withEffect } from "./apogee-error.ts";
import type { CallOptions } from "./call.ts";
import { backoffMs } from "./retry.ts";
import { repeatableMs, type SendReceipt } from "./send.ts";
import type { Transport } from "./transport.ts";

type WireEntry = components["schemas"]["Message"];
type WireResult = components["schemas"]["BatchResult"];

/** What became of one message of a batch. */
export type BatchResult = SendReceipt | ApogeeError;

/** Messages of one call (PROTOCOL.md 4.2). */
export const BATCH_ENTRIES_MAX = 100;
/** Of bodies, and less than the 6 MiB of a request: so entries that have so many as JSON fit both ways. */
export const BATCH_BYTES_MAX = 4 * 1_024 * 1_024;

const encoder = new TextEncoder();

/** As JSON, in UTF-8. */
export const bytesOf = (entry: WireEntry): number => encoder.encode(JSON.stringify(entry)).length;

/**
 * Sends up to 100 messages in one call. Entries that failed and may succeed later are sent again, those with an identity also where
 * their outcome is unknown: they keep their place in the answer. Errors: `ApogeeError`, if the call as a whole failed.
 */
export async function sendEntries(
  transport: Transport,
  topic: string,
  entries: readonly WireEntry[],
  options: CallOptions = {},
): Promise<readonly BatchResult[]> {
  const { clock, retry } = transport;
  const beganMs = clock.now();
  const results = new Array<BatchResult>(entries.length);
  let open = entries.map((_, index) => index);
  for (let failures = 1; ; failures++) {
    const sent = open.map((index) => entries[index] as WireEntry);
    // A further call is made once: whether it is made again is decided for each entry, by what became of it before.
    const sending = sendOnce(transport, topic, sent, failures === 1 ? options : { ...options, maxAttempts: 1 });
    const answered = await (failures === 1 ? sending : errorsInPlace(sending, open.length));
    const delayMs = backoffMs(retry, failures);
    const goesOn = (index: number): boolean => {
      const result = results[index] as BatchResult;
      if (!mayPass(result)) return false;
      return result.effect === "none" || clock.now() + delayMs < beganMs + repeatableMs(entries[index] as WireEntry);
    };
    for (const [at, result] of answered.entries()) {
      const index = open[at] as number;
      results[index] = after(results[index], result);
    }
    open = open.filter(goesOn);
    if (open.length === 0 || failures >= retry.maxAttempts) return results;
    await clock.sleep(delayMs, options.signal);
    options.signal?.throwIfAborted();
  }
}

async function sendOnce(
  transport: Transport,
  topic: string,
  entries: readonly WireEntry[],
  options: CallOptions & { readonly maxAttempts?: number },
): Promise<readonly BatchResult[]> {
  try {
    const { answer, effect } = await transport.exchange<{ results: readonly WireResult[] }>({
      ...options,
      method: "post",
      path: `/v1/topics/${encodeURIComponent(topic)}/messages/batch`,
      body: { entries },
      repeatableMs: Math.min(...entries.map(repeatableMs)),
    });
    return answer.results.map((result) => (result.status === "error" ? entryError(result.error, effect) : result));
  } catch (error) {
    if (!isOfOneEntry(error)) throw error;
    if (entries.length === 1) return [error];
    const half = Math.ceil(entries.length / 2);
    const first = await sendOnce(transport, topic, entries.slice(0, half), options);
    const rest = entries.slice(half);
    // Sent now, they would overtake one that is sent again.
    const open = first.find(mayPass);
    if (open) return [...first, ...rest.map(() => withEffect(open, "none"))];
    return [...first, ...(await errorsInPlace(sendOnce(transport, topic, rest, options), rest.length))];
  }
}

/** What became of an entry that was sent again. Once nobody knows whether it is stored, only a receipt tells. */
export const after = (before: BatchResult | undefined, result: BatchResult): BatchResult =>
  ApogeeError.is(before) && ApogeeError.is(result) && before.effect === "unknown" ? withEffect(result, "unknown") : result;

/** Whether one entry may have spoilt the call: half a surrogate pair in its properties, or a size that a gateway refuses. */
const isOfOneEntry = (error: unknown): error is ApogeeError =>
  ApogeeError.is(error) && error.effect === "none" && (error.code === "BAD_REQUEST" || error.status === 413);

/** A call that failed as a whole, as an error of each entry: what became of others is not forgotten for it. */
export const errorsInPlace = (results: Promise<readonly BatchResult[]>, entries: number): Promise<readonly BatchResult[]> =>
  results.catch((error) => {
    if (ApogeeError.is(error)) return new Array<BatchResult>(entries).fill(error);
    throw error;
  });

/**
 * The error of one entry of a call that was answered with 200. What may succeed later may have done so by an earlier attempt, whose effect
 * is given.
 */
export const entryError = (error: components["schemas"]["EntryError"], before: Effect = "none"): ApogeeError =>
  new ApogeeError({ ...error, status: 200, effect: error.retryable && before === "unknown" ? before : error.effect });
