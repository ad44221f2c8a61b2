import { BrokerError } from "../errors.ts";
import { SEND_PATIENCE_MS } from "../limits.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { orderDoubt } from "../produce/confirm-groups.ts";
import { fixedQueue } from "../produce/fixed-queue.ts";
import type { QueueChoice } from "../produce/queue-choice.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { Arrivals } from "../wake/arrivals.ts";
import { getHalfMessage, showTransaction } from "./get-transaction.ts";
import { committing, frameOf, type HalfMessage, halfMessageKey, inState, rollingBack, transactionOf } from "./half-message.ts";
import type { Resolution, Transaction, TransactionState } from "./transaction.ts";

export interface EndingTransactions extends StoreDependencies {
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly choice: QueueChoice;
  readonly arrivals: Arrivals;
}

/**
 * Commits a transaction, which appends its message to a queue, or rolls it back. It is decided once: the same verdict again gets the
 * first answer, and the opposite verdict is told the outcome. With `discarded`, a discarded transaction can be decided too.
 *
 * Errors: NOT_FOUND, TRANSACTION_ENDED; for a commit TOPIC_NOT_FOUND if the topic was deleted. Idempotent for a day.
 * Source: RocketMQ's EndTransaction, with one outcome; invariant I8.
 */
export function endTransaction(
  transactions: EndingTransactions,
  id: string,
  resolution: Resolution,
  { discarded = false }: { readonly discarded?: boolean | undefined } = {},
): Promise<Transaction> {
  // If a reply was lost, the next attempt reads the outcome from the state.
  return repeatUnknown(transactions, async () => {
    for (;;) {
      const half = await getHalfMessage(transactions, id);
      const open = half.state === "PREPARED" || (discarded && half.state === "DISCARDED");
      if (!open) return answerEnded(transactions, half, resolution);
      const decided = resolution === "commit" ? await commit(transactions, half) : await rollBack(transactions, half);
      if (decided) return decided;
    }
  });
}

/** One transaction: the append, and the state. `undefined`: another request ended it first. */
async function commit(transactions: EndingTransactions, half: HalfMessage): Promise<Transaction | undefined> {
  const { log, clock, choice, arrivals } = transactions;
  const startedAtMs = clock.nowMs();
  const topic = await topicOf(transactions, half);
  const record = await log.detached.decode(frameOf(half), half.chosenId ?? half.id);
  const queueId = fixedQueue(topic, record) ?? choice.choose(topic);
  const nowMs = clock.nowMs();
  const key = halfMessageKey(half.id);
  try {
    const outcome = await log.append(topic, queueId, [record], {
      companions: (place) => [{ kind: "update", key, changes: committing(nowMs, place), when: inState(half.state) }],
      giveUpAtMs: nowMs + SEND_PATIENCE_MS,
    });
    if (outcome.status === "refused") return undefined;
    const { offset, lostRaces } = outcome;
    choice.saw(topic.uid, queueId, { latencyMs: clock.nowMs() - nowMs, lostRaces });
    arrivals.topicRings(topic.uid, queueId);
    const doubt = record.messageGroup === undefined ? undefined : await orderDoubt(transactions, topic, startedAtMs);
    if (doubt) throw doubt;
    return transactionOf(ended(half, "COMMITTED", nowMs), { queueId, offset });
  } catch (error) {
    if (StoreUnavailable.is(error)) choice.saw(topic.uid, queueId, "failed");
    throw error;
  }
}

async function rollBack({ items, clock }: EndingTransactions, half: HalfMessage): Promise<Transaction | undefined> {
  const nowMs = clock.nowMs();
  const result = await items.update(halfMessageKey(half.id), rollingBack(nowMs), { when: inState(half.state) });
  return result.ok ? transactionOf(ended(half, "ROLLED_BACK", nowMs)) : undefined;
}

const ended = (half: HalfMessage, state: TransactionState, nowMs: number): HalfMessage => ({
  ...half,
  state,
  nextCheckAtMs: undefined,
  endedAtMs: nowMs,
});

function answerEnded(transactions: EndingTransactions, half: HalfMessage, resolution: Resolution): Promise<Transaction> {
  if (half.state === (resolution === "commit" ? "COMMITTED" : "ROLLED_BACK")) return showTransaction(transactions, half);
  const detail =
    half.state === "DISCARDED"
      ? "It was discarded: its producer never said what became of it. An operator may still decide it, with ?discarded=true."
      : `It was ${half.state === "COMMITTED" ? "committed" : "rolled back"} before, and has one outcome.`;
  throw new BrokerError("TRANSACTION_ENDED", detail, { members: { state: half.state } });
}

/** The topic it was prepared for, not a new one of the same name. Errors: TOPIC_NOT_FOUND. */
async function topicOf({ topics }: EndingTransactions, half: HalfMessage): Promise<Topic> {
  for (const known of [true, false]) {
    if (!known) topics.forget(half.topic);
    const topic = await topics.lookUp(half.topic);
    if (topic?.uid === half.topicUid) return topic;
  }
  throw new BrokerError("TOPIC_NOT_FOUND", `Topic '${half.topic}' was deleted since. The transaction can only be rolled back.`);
}
