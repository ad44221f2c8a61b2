import { BrokerError } from "../errors.ts";
import { producerStateKey } from "../keys.ts";
import { SEND_DEADLINE_MS } from "../limits.ts";
import { asBrokerError } from "../store/store-errors.ts";
import type { MessageInput } from "../terms.ts";
import { answerRepeat, type Destination, type OnceStore, requireInTime } from "./destination.ts";
import { asRead, type ProducerState, producerItem, producerOf, sentBefore } from "./producer-state.ts";

interface Sequenced {
  readonly producerId: string;
  readonly sequence: number;
}

/**
 * Stores a run of one producer's entries with consecutive sequences, in one transaction with the producer's state. The first must
 * follow the last stored one. Entries that were stored before get their first answer, if they are among the latest. A gap is refused,
 * with all entries after it. One result per entry. Source: Kafka's idempotent producer.
 */
export async function storeBySequence<Receipt>(
  store: OnceStore,
  topicUid: string,
  entries: readonly MessageInput[],
  destination: Destination<Receipt>,
): Promise<readonly (Receipt | BrokerError)[]> {
  const results: (Receipt | BrokerError)[] = [];
  try {
    const untilMs = store.clock.nowMs() + SEND_DEADLINE_MS;
    while (results.length < entries.length) {
      requireInTime(store.clock, untilMs);
      await step(store, { topicUid, entries, destination }, results);
    }
  } catch (error) {
    const failure = asBrokerError(error);
    while (results.length < entries.length) results.push(failure);
  }
  return results;
}

interface Sending<Receipt> {
  readonly topicUid: string;
  readonly entries: readonly MessageInput[];
  readonly destination: Destination<Receipt>;
}

/**
 * Answers repeats up to the first new entry, then stores the rest, unless another request wrote meanwhile. `results`: those of the
 * first entries; more are added.
 */
async function step<Receipt>(
  { items, clock }: OnceStore,
  { topicUid, entries, destination }: Sending<Receipt>,
  results: (Receipt | BrokerError)[],
): Promise<void> {
  const { producerId } = sequenceOf(entries[0]);
  const item = await items.get(producerStateKey(topicUid, producerId));
  const state = producerOf(item, clock.nowMs());
  for (const entry of entries.slice(results.length)) {
    const { sequence } = sequenceOf(entry);
    if (!state || sequence > state.last) break;
    const sent = sentBefore(state, sequence);
    results.push(sent ? await answerRepeat(destination, sent) : longAgo(state, sequence));
  }
  const fresh = entries.slice(results.length);
  if (fresh.length === 0) return;
  const first = sequenceOf(fresh[0]).sequence;
  if (state && first !== state.last + 1) throw gap(state, first);
  const chosenIds = fresh.some(({ messageId }) => messageId !== undefined) ? fresh.map(({ messageId }) => messageId) : undefined;
  const outcome = await destination.store(fresh, (place) => [
    {
      kind: "put",
      item: producerItem(topicUid, producerId, state, { first, count: fresh.length, place, chosenIds }, clock.nowMs()),
      when: asRead(item),
    },
  ]);
  if (outcome.status === "stored") results.push(...outcome.receipts);
}

function sequenceOf(entry: MessageInput | undefined): Sequenced {
  if (entry?.once?.kind !== "sequence") throw new Error("an entry among sequenced ones has no sequence");
  return entry.once;
}

const gap = ({ last }: ProducerState, sequence: number): BrokerError =>
  new BrokerError(
    "OUT_OF_ORDER_SEQUENCE",
    `Sequence ${sequence} does not follow ${last}, the last that was stored: send ${last + 1} next.`,
    { members: { lastSequence: last } },
  );

const longAgo = ({ last }: ProducerState, sequence: number): BrokerError =>
  new BrokerError(
    "OUT_OF_ORDER_SEQUENCE",
    `Sequence ${sequence} was stored long before ${last}, the last one: where it went is no longer known. Nothing was stored again.`,
    { members: { lastSequence: last } },
  );
