import type { Api } from "./api.ts";
import type { components } from "./api-types.ts";
import { mayPass } from "./apogee-error.ts";
import type { CallOptions } from "./call.ts";
import { type Duration, secondsOf } from "./duration.ts";
import { Message } from "./message.ts";
import { WAIT_SECONDS_MAX } from "./receiver.ts";
import { backoffMs } from "./retry.ts";
import { type Running, running } from "./running.ts";
import { entryOf, type MessageToSend, repeatableMs, type Writing } from "./send.ts";
import { reportError } from "./worker.ts";

type Schemas = components["schemas"];

/** A message that is delivered if the transaction commits. */
export interface HalfMessage<Body = unknown> extends MessageToSend<Body> {
  /** Those that can answer a check of it. */
  readonly producerGroup: string;
  /** When the first check comes, where nobody has ended the transaction. Default 6 seconds. */
  readonly checkAfter?: Duration;
}

/** A transaction that has begun. The broker stores its message, and no consumer sees it. */
export interface Transaction {
  readonly transactionId: string;
  readonly messageId: string;
}

/**
 * Begins a transaction, runs `work`, and commits when it returns and rolls back when it throws, with the same error. A process that dies
 * in between leaves the verdict to a check. Errors: `ApogeeError`; those of `work`. A commit whose answer was lost is repeated; when that
 * fails as well the error has the effect `unknown`, and a check decides.
 */
export async function inTransaction<T>(
  api: Api,
  writing: Writing,
  topic: string,
  { producerGroup, checkAfter, body, ...options }: HalfMessage,
  work: (transaction: Transaction) => T | Promise<T>,
): Promise<T> {
  const entry = await entryOf(body, options, writing);
  const transaction = await api.transport.call<Schemas["HalfMessageReceipt"]>({
    method: "post",
    path: `/v1/topics/${encodeURIComponent(topic)}/transactions`,
    body: { ...entry, producerGroup, checkAfterSeconds: checkAfter && secondsOf(checkAfter) },
    repeatableMs: repeatableMs(entry),
  });
  const { transactionId } = transaction;
  let result: T;
  try {
    result = await work(transaction);
  } catch (error) {
    // A rollback that fails leaves the verdict to a check, and must not hide why the work failed.
    await endTransaction(api, "rollback", transactionId).catch(() => undefined);
    throw error;
  }
  await endTransaction(api, "commit", transactionId);
  return result;
}

/** Gives the verdict. The same one again is answered alike. Errors: `TRANSACTION_ENDED` if it had the other outcome. */
export function endTransaction(
  api: Api,
  verdict: "commit" | "rollback",
  transactionId: string,
  options: CallOptions = {},
): Promise<Schemas["Transaction"]> {
  return api.call("post", `/v1/transactions/{transactionId}/${verdict}`, { ...options, path: { transactionId } });
}

export type Verdict = "commit" | "rollback" | "unknown";

/** What became of a transaction, asked by the broker because nobody has said so. */
export interface Check {
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly topic: string;
  readonly message: Message;
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
  readonly handleSignals?: boolean;
  /** Told of checks that got no verdict because the handler or a call failed. They come again. Default: a line on the console. */
  readonly onError?: (error: unknown, check?: Check) => void;
}

/** Answers the checks of a producer group until it is stopped, one after the other. */
export function answerChecks(
  api: Api,
  producerGroup: string,
  handler: (check: Check) => Verdict | Promise<Verdict>,
  options: CheckOptions,
): Running {
  const { transport } = api;
  const { onError = reportError } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const receive = (): Promise<Schemas["ReceiveChecksReply"]> =>
    api.call("post", "/v1/producer-groups/{producerGroup}/checks/receive", {
      path: { producerGroup },
      body: { max: 32, waitSeconds: WAIT_SECONDS_MAX },
      signal,
    });
  const answer = async (wire: Schemas["TransactionCheck"]): Promise<void> => {
    const check = { ...wire, message: new Message(wire.message) };
    try {
      const verdict = await handler(check);
      if (verdict !== "unknown") await endTransaction(api, verdict, check.transactionId);
    } catch (error) {
      onError(error, check);
    }
  };
  const work = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { checks } = await receive();
        failures = 0;
        for (const check of checks) await answer(check);
      } catch (error) {
        if (signal.aborted) return;
        if (!mayPass(error)) throw error;
        onError(error);
        await transport.clock.sleep(backoffMs(transport.retry, ++failures), signal);
      }
    }
  };
  return running(work, () => stopping.abort(), options);
}
