import { hash32 } from "../bytes/hash32.ts";
import { BrokerError } from "../errors.ts";
import type { Item } from "../ports/item-store.ts";
import type { Destination, Identities, SentBefore } from "../produce/destination.ts";
import { checkHalfMessage } from "../produce/message-rules.ts";
import { recordOf } from "../produce/producing.ts";
import { writableTopic } from "../produce/send-messages.ts";
import { storeEntries } from "../produce/store-entries.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { MessageInput, Topic } from "../terms.ts";
import type { Scheduling } from "../timer/schedule-message.ts";
import { checkTimerItem, isFree, shardOf, type TimerPlace } from "../timer/timer.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { preparedItem } from "./half-message.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import type { HalfMessageReceipt } from "./transaction.ts";
import { HALF_MESSAGE_LIFE_MS } from "./transaction-limits.ts";
import type { HalfMessageOptions } from "./transactions.ts";

type Preparing = Scheduling & { readonly topics: TopicRegistry };

const HALF_MESSAGE_LIFE_HOURS = Math.ceil(HALF_MESSAGE_LIFE_MS / 3_600_000);

/**
 * Stores a message that is delivered only if its transaction commits. One transaction writes the half message and its first check, so
 * neither exists without the other. A repeat after a lost reply finds what the first attempt wrote.
 *
 * Errors: TOPIC_NOT_FOUND, FORBIDDEN, those of `checkHalfMessage`, BAD_REQUEST for the producer group's name, OUT_OF_ORDER_SEQUENCE,
 * IDEMPOTENCY_KEY_REUSED if a message with the same identity was sent without a transaction. Idempotent for a message with an identity.
 * Source: RocketMQ's SendMessage of a transaction message; invariants I8, I9.
 */
export async function sendHalfMessage(
  preparing: Preparing,
  topicName: string,
  message: MessageInput,
  options: HalfMessageOptions,
): Promise<HalfMessageReceipt> {
  checkProducerGroupName(options.producerGroup);
  const topic = await writableTopic(preparing, topicName);
  checkHalfMessage(topic, message);
  const destination = new TransactionDestination(preparing, topic, options);
  const [result] = await storeEntries(preparing, topic.uid, [message], destination);
  if (result === undefined || BrokerError.is(result)) throw result ?? new Error("a half message was not answered");
  return result;
}

/** The destination of one half message: a new transaction. */
class TransactionDestination implements Destination<HalfMessageReceipt> {
  readonly #preparing: Preparing;
  readonly #topic: Topic;
  readonly #producerGroup: string;
  readonly #createdAtMs: number;
  readonly #check: TimerPlace;
  #frame: Uint8Array | undefined;

  constructor(preparing: Preparing, topic: Topic, { producerGroup, checkAfterMs }: HalfMessageOptions) {
    const { clock, log, shards } = preparing;
    const [id = ""] = log.detached.newIds(topic.uid, 1);
    this.#preparing = preparing;
    this.#topic = topic;
    this.#producerGroup = producerGroup;
    this.#createdAtMs = clock.nowMs();
    this.#check = { shard: shardOf(hash32(id), shards.count), dueMs: this.#createdAtMs + checkAfterMs, id };
  }

  async store([message]: readonly MessageInput[], identities?: Identities) {
    if (!message) throw new Error("a transaction without a message");
    const { items, bell } = this.#preparing;
    const { id, dueMs } = this.#check;
    const half = await this.#half(message);
    const refused = await repeatUnknown(this.#preparing, async () => {
      const writes = [
        { kind: "put", item: half, when: isFree } as const,
        { kind: "put", item: checkTimerItem({ ...this.#check, checks: 0, producerGroup: this.#producerGroup }) } as const,
        ...(identities?.({ kind: "transaction", id }) ?? []),
      ];
      const result = await items.transact(writes, { purpose: "append" });
      // The half message exists: an earlier attempt of this very write stored it.
      return result.ok || result.failures[0] ? undefined : result.failures.slice(2);
    });
    if (refused) return { status: "refused", currents: refused } as const;
    await bell.written(dueMs);
    const receipt = { transactionId: id, messageId: message.messageId ?? id, duplicate: false };
    return { status: "stored", receipts: [receipt] } as const;
  }

  async receiptOf({ place, messageId }: SentBefore): Promise<HalfMessageReceipt> {
    if (place.kind === "transaction") return { transactionId: place.id, messageId, duplicate: true };
    const detail = "A message was sent with this key or sequence before, without a transaction. Use another one.";
    throw new BrokerError("IDEMPOTENCY_KEY_REUSED", detail);
  }

  async #half(message: MessageInput): Promise<Item> {
    const { log } = this.#preparing;
    const record = { ...recordOf(message, this.#createdAtMs), transactionId: this.#check.id };
    this.#frame ??= await log.detached.encode({ ...record, messageId: undefined }, HALF_MESSAGE_LIFE_HOURS);
    return preparedItem({
      id: this.#check.id,
      topicUid: this.#topic.uid,
      topic: this.#topic.name,
      producerGroup: this.#producerGroup,
      frame: this.#frame,
      chosenId: message.messageId,
      nextCheckAtMs: this.#check.dueMs,
      createdAtMs: this.#createdAtMs,
    });
  }
}
