import type { RunningBroker } from "../../core/create-broker.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import type { Auditor } from "./audit/auditor.ts";
import { deliver, REMADE_TOPIC } from "./remade.ts";
import { GROUP } from "./scenario.ts";
import { seenOf } from "./stage.ts";
import type { World } from "./world.ts";

const LEASE_MS = 60_000;
/** Longer than every possible lease, margin and back-off. */
const PATIENCE_MS = 100_000;
const EMPTY_ANSWERS = 3;
const ROUNDS_MAX = 400;

async function receive(broker: RunningBroker, auditor: Auditor): Promise<readonly ReceivedMessage[] | undefined> {
  try {
    return await broker.receiveMessages(GROUP, { max: 32, waitMs: 0, leaseMs: LEASE_MS });
  } catch (error) {
    if (!StoreCorrupt.is(error)) throw error;
    auditor.corrupt(error.message);
    return undefined;
  }
}

/** Receives and acks until nothing comes any more. */
export async function drain(world: World, broker: RunningBroker, auditor: Auditor): Promise<void> {
  for (let empty = 0, rounds = 0; empty < EMPTY_ANSWERS && rounds < ROUNDS_MAX; rounds++) {
    const askedMs = world.nowMs;
    const received = await receive(broker, auditor);
    if (!received) return;
    const others = received.filter(({ topic }) => topic === REMADE_TOPIC);
    deliver(auditor.remade, GROUP, others, askedMs);
    await broker.settleMessages(
      GROUP,
      others.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
    );
    const messages = received.filter(({ topic }) => topic !== REMADE_TOPIC);
    const heldMs = world.nowMs;
    auditor.deliver(
      messages.map((message) => {
        const { attempt, leaseUntilMs } = message;
        const given = { consumer: "drain", attemptId: undefined, attempt, leaseUntilMs };
        const delivery = { ...given, untilMs: leaseUntilMs, askedMs, nowMs: heldMs };
        return { seen: seenOf(message), delivery };
      }),
    );
    const sentMs = world.nowMs;
    const tries = messages.map((message) =>
      auditor.settleStarted(seenOf(message), "ack", { heldMs, sentMs, leaseUntilMs: message.leaseUntilMs }),
    );
    const results = await broker.settleMessages(
      GROUP,
      messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
    );
    for (const [index, tried] of tries.entries()) {
      const seen = seenOf(messages[index] as (typeof messages)[number]);
      auditor.settleEnded(seen, tried, results[index]?.status === "acked" ? "done" : "refused", world.nowMs);
      if (results[index]?.status !== "acked") auditor.holderRefused("drain", seen);
      auditor.release("drain", seen);
    }
    empty = received.length === 0 ? empty + 1 : 0;
    await world.sleep(received.length === 0 ? PATIENCE_MS : 10);
  }
}
