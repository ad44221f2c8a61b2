import type { components } from "./api-types.ts";
import { ApogeeError } from "./apogee-error.ts";
import type { CallOptions } from "./call.ts";
import { backoffMs } from "./retry.ts";
import { hasIdentity, type SendReceipt } from "./send.ts";
import type { Transport } from "./transport.ts";

type WireEntry = components["schemas"]["Message"];
type WireResult = components["schemas"]["BatchResult"];

/** What became of one message of a batch. */
export type BatchResult = SendReceipt | ApogeeError;

/** Messages of one call (PROTOCOL.md 4.2), less what base64 and JSON add within the 6 MiB of a request. */
export const BATCH_ENTRIES_MAX = 100;
export const BATCH_BYTES_MAX = 4 * 1_024 * 1_024;

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
  const results = new Array<BatchResult>(entries.length);
  let open = entries.map((_, index) => index);
  for (let failures = 1; open.length > 0; failures++) {
    const sent = open.map((index) => entries[index] as WireEntry);
    const answered = await sendOnce(transport, topic, sent, options);
    const again: number[] = [];
    for (const [at, result] of answered.entries()) {
      const index = open[at] as number;
      const entry = sent[at] as WireEntry;
      results[index] = result;
      if (!ApogeeError.is(result) || !result.retryable || failures >= transport.retry.maxAttempts) continue;
      if (hasIdentity(entry) || result.effect === "none") again.push(index);
    }
    open = again;
    if (open.length > 0) await transport.clock.sleep(backoffMs(transport.retry, failures), options.signal);
    options.signal?.throwIfAborted();
  }
  return results;
}

async function sendOnce(
  transport: Transport,
  topic: string,
  entries: readonly WireEntry[],
  options: CallOptions,
): Promise<readonly BatchResult[]> {
  const { results } = await transport.call<{ results: readonly WireResult[] }>({
    ...options,
    method: "post",
    path: `/v1/topics/${encodeURIComponent(topic)}/messages/batch`,
    body: { entries },
    isRepeatable: entries.every(hasIdentity),
  });
  return results.map((result) => (result.status === "error" ? entryError(result.error) : result));
}

/** The error of one entry of a call that was answered with 200. */
export const entryError = (error: components["schemas"]["EntryError"]): ApogeeError => new ApogeeError({ ...error, status: 200 });
