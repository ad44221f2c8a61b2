import { SEND_DEADLINE_MS, SEND_PATIENCE_MS } from "../limits.ts";
import type { AppendOptions, AppendOutcome } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import type { Destination, Identities, SentBefore } from "./destination.ts";
import { type Producing, receiptOfRepeat, recordOf } from "./producing.ts";

/** A queue of a topic. With `anyWouldDo`, another queue is used if this one does not take the messages. */
export class QueueDestination implements Destination<SendReceipt> {
  readonly #producing: Producing;
  readonly #topic: Topic;
  #queueId: number;
  readonly #anyWouldDo: boolean;

  constructor(producing: Producing, topic: Topic, queueId: number, anyWouldDo: boolean) {
    this.#producing = producing;
    this.#topic = topic;
    this.#queueId = queueId;
    this.#anyWouldDo = anyWouldDo && topic.writeQueues > 1;
  }

  async store(messages: readonly MessageInput[], identities?: Identities) {
    const nowMs = this.#producing.clock.nowMs();
    const records = messages.map((message) => recordOf(message, nowMs));
    const companions: AppendOptions["companions"] = identities && ((place) => identities({ kind: "queue", ...place }));
    const outcome = await this.#append(records, companions, nowMs + SEND_DEADLINE_MS);
    if (outcome.status === "refused") return outcome;
    const queueId = this.#queueId;
    const { offset, messageIds } = outcome;
    const receipts = messageIds.map((messageId, at) => ({ messageId, queueId, offset: offset + at, duplicate: false }));
    return { status: "stored", receipts } as const;
  }

  receiptOf(sent: SentBefore): Promise<SendReceipt> {
    return receiptOfRepeat(this.#producing, this.#topic, sent);
  }

  async #append(
    records: readonly MessageRecord[],
    companions: AppendOptions["companions"],
    deadlineMs: number,
  ): Promise<AppendOutcome> {
    const { log, clock, choice } = this.#producing;
    const topic = this.#topic;
    for (;;) {
      const queueId = this.#queueId;
      const startedAtMs = clock.nowMs();
      const movable = this.#anyWouldDo && startedAtMs < deadlineMs;
      try {
        const giveUpAtMs = movable ? Math.min(deadlineMs, startedAtMs + SEND_PATIENCE_MS) : deadlineMs;
        const outcome = await log.append(topic, queueId, records, { companions, giveUpAtMs, objectUntilMs: deadlineMs });
        if (outcome.status === "stored")
          choice.saw(topic.uid, queueId, { latencyMs: clock.nowMs() - startedAtMs, lostRaces: outcome.lostRaces });
        return outcome;
      } catch (error) {
        if (StoreUnavailable.is(error)) choice.saw(topic.uid, queueId, "failed");
        if (!movable || !canMove(error) || clock.nowMs() >= deadlineMs) throw error;
        this.#queueId = choice.choose(topic);
      }
    }
  }
}

/** Only an append that certainly did not happen may be tried on another queue. */
const canMove = (error: unknown): boolean =>
  StoreUnavailable.is(error) && error.outcome === "not-applied" && error.reason !== "full";
