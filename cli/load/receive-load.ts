import { systemClock } from "../../client/clock.ts";
import type { Consumer } from "../../client/consumer.ts";
import type { Measure } from "./measure.ts";
import { SENT } from "./send-load.ts";

export interface ReceiveLoad {
  readonly consumer: Consumer;
  /** Messages that are acknowledged at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Told of every message that was acknowledged. */
  readonly measure: Measure;
  /** Told, of every message, how long after its send began a handler had it. */
  readonly arrivals: Measure;
  readonly advance: (messages: number) => void;
  /** Told of what failed and is tried again. */
  readonly failed: (error: unknown) => void;
}

export interface Receiving {
  /** Ends when so many messages were acknowledged, when the time is over, or when the signal aborts. Errors: the worker's. */
  until(messages: number, seconds: number): Promise<void>;
}

/** Receives and acknowledges from now on. */
export function receiveLoad(load: ReceiveLoad): Receiving {
  const { now, measure, arrivals } = load;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  load.signal.addEventListener("abort", stop);
  let wanted = Number.POSITIVE_INFINITY;
  const worker = load.consumer.run(
    async (message) => {
      arrivals.add(1, Number(message.properties[SENT]));
      const fromMs = now();
      await message.ack();
      measure.add(1, fromMs);
      load.advance(1);
      if (measure.messages >= wanted) stop();
    },
    { concurrency: load.concurrency, signal: stopping.signal, handleSignals: false, onError: load.failed },
  );
  // Who waits hears of it in `until`.
  worker.catch(stop);
  return {
    until: async (messages, seconds) => {
      wanted = messages;
      if (measure.messages >= wanted || load.signal.aborted) stop();
      void systemClock.sleep(seconds * 1_000, stopping.signal).then(stop);
      await worker;
    },
  };
}
