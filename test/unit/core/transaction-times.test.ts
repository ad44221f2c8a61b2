import { describe, expect, it } from "vitest";
import { CHECK_INTERVAL_MS } from "../../../core/transaction/transaction-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const SECOND_MS = 1_000;
const CHECK_AFTER_MS = 6 * SECOND_MS;
const MAX_CHECKS = 3;
const DUE_SECONDS = [6, 36, 66];
const DISCARDED_SECONDS = 96;

describe("on a server that runs for itself, a transaction that nobody ends", () => {
  it.each([
    ["whose checks are received", {}],
    ["whose checks are posted", { url: "https://example.com/checks" }],
  ])("%s, is checked every 30 seconds, and discarded, to the second", async (_what, settings) => {
    const clock = new ManualClock();
    const startedMs = clock.nowMs();
    const secondsNow = () => (clock.nowMs() - startedMs) / SECOND_MS;
    const posted: number[] = [];
    const broker = await brokerOverTable().process(undefined, undefined, {
      clock,
      askProducer: async () => {
        posted.push(secondsNow());
        return { resolution: "unknown" };
      },
    });
    await broker.putTopic("orders", { type: "TRANSACTION" });
    await broker.putProducerGroup("pay", { maxChecks: MAX_CHECKS, ...settings });
    const stopping = new AbortController();
    const running = broker.keepGoing(stopping.signal);
    await clock.pass(0);
    const options = { producerGroup: "pay", checkAfterMs: CHECK_AFTER_MS };
    const { transactionId } = await broker.sendHalfMessage("orders", { body: Buffer.from("x") }, options);
    const received: number[] = [];
    let discardedAt: number | undefined;
    while (secondsNow() < DISCARDED_SECONDS + 2 * (CHECK_INTERVAL_MS / SECOND_MS)) {
      await clock.pass(SECOND_MS);
      const checks = await broker.receiveChecks("pay", { max: 1, maxBytes: 1_000, waitMs: 0 });
      if (checks.length > 0) received.push(secondsNow());
      if ((await broker.getTransaction(transactionId)).state === "DISCARDED") discardedAt ??= secondsNow();
    }
    expect({ received, posted, discardedAt }).toEqual({
      received: DUE_SECONDS,
      posted: "url" in settings ? DUE_SECONDS : [],
      discardedAt: DISCARDED_SECONDS,
    });
    stopping.abort();
    await clock.pass(0);
    await running;
  });
});
