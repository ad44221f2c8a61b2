import { ApogeeError } from "../../client/apogee-error.ts";
import type { MessageToSend } from "../../client/send.ts";
import type { Topic } from "../../client/topic.ts";
import type { Measure } from "./measure.ts";

/** The property that says when the send of a message began, by `now`. */
export const SENT = "benchSentMs";

export interface SendLoad {
  readonly topic: Topic;
  readonly body: string;
  readonly seconds: number;
  /** Senders, each of which sends its next message when the one before is stored. */
  readonly concurrency: number;
  /** Messages of a call. */
  readonly batch: number;
  /** Where given, the client makes the batches. */
  readonly lingerMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Told of every message that was stored. */
  readonly measure: Measure;
  readonly advance: (messages: number) => void;
  /** Told of every call and every message of a batch that failed, and may succeed another time. */
  readonly failed: (error: ApogeeError) => void;
}

type Result = { readonly messages: number; readonly errors: readonly unknown[] };

/** Sends until the time is over or the signal aborts. Errors: what every further send would get too. */
export async function sendLoad(load: SendLoad): Promise<void> {
  const { now, signal, measure } = load;
  const untilMs = now() + load.seconds * 1_000;
  const send = sender(load);
  let hopeless: unknown;
  const sendOn = async (): Promise<void> => {
    while (now() < untilMs && !signal.aborted && hopeless === undefined) {
      const fromMs = now();
      const { messages, errors } = await send(String(fromMs)).catch((error: unknown) => ({ messages: 0, errors: [error] }));
      if (messages > 0) {
        measure.add(messages, fromMs);
        load.advance(messages);
      }
      for (const error of errors) {
        if (ApogeeError.is(error) && error.retryable) load.failed(error);
        else hopeless ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, sendOn));
  if (hopeless !== undefined) throw hopeless;
}

function sender({ topic, body, batch, lingerMs }: SendLoad): (sent: string) => Promise<Result> {
  const one = { messages: 1, errors: [] };
  if (lingerMs !== undefined) {
    const producer = topic.producer({ lingerMs, maxMessages: batch });
    return async (sent) => {
      await producer.send(body, { properties: { [SENT]: sent } });
      return one;
    };
  }
  if (batch === 1)
    return async (sent) => {
      await topic.send(body, { properties: { [SENT]: sent } });
      return one;
    };
  return async (sent) => {
    const message: MessageToSend = { body, properties: { [SENT]: sent } };
    const results = await topic.sendBatch(Array.from({ length: batch }, () => message));
    const errors = results.filter(ApogeeError.is);
    return { messages: results.length - errors.length, errors };
  };
}
