import type { BrokerError } from "../errors.ts";
import { knownSendKey } from "../keys.ts";
import { ONCE_ENTRIES_PER_WRITE, SEND_DEADLINE_MS } from "../limits.ts";
import { INLINE_FRAME_BYTES_MAX } from "../log/log-limits.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";
import { asBrokerError } from "../store/store-errors.ts";
import type { MessageInput } from "../terms.ts";
import { answerRepeat, type Destination, type Identities, type OnceStore, requireInTime, stopsAll } from "./destination.ts";
import type { KnownPlace } from "./known-place.ts";
import { isKnownSend, knownSendItem, knownSendOf } from "./known-send.ts";

/**
 * Stores entries of one destination, some of which have a dedup key. The transaction that stores a message also puts its key's item, on
 * the condition that there is none. If there is one, the entry is left out and answered as its first send was; the others are stored.
 * One result per entry.
 */
export async function storeByKey<Receipt>(
  store: OnceStore,
  topicUid: string,
  entries: readonly MessageInput[],
  destination: Destination<Receipt>,
): Promise<readonly (Receipt | BrokerError)[]> {
  const results = new Array<Receipt | BrokerError>(entries.length);
  const untilMs = store.clock.nowMs() + SEND_DEADLINE_MS;
  let waiting = entries.map((_, index) => index);
  while (waiting.length > 0) {
    const { now, later } = firstOfEachKey(entries, waiting);
    try {
      await storePart(store, topicUid, destination, { entries, indexes: now, results, untilMs });
    } catch (error) {
      const failure = asBrokerError(error);
      // Entries after a failed store are not tried: they would be stored ahead of earlier ones.
      for (const index of stopsAll(failure) ? waiting : now) results[index] ??= failure;
      if (stopsAll(failure)) return results;
    }
    waiting = later;
  }
  return results;
}

/** As many of the first entries as one transaction takes. The second entry of a key waits for the outcome of the first. */
function firstOfEachKey(entries: readonly MessageInput[], waiting: readonly number[]): { now: number[]; later: number[] } {
  const keys = new Set<string>();
  const now: number[] = [];
  const later: number[] = [];
  for (const index of waiting) {
    const key = keyOf(entries[index]);
    if (now.length >= ONCE_ENTRIES_PER_WRITE || (key !== undefined && keys.has(key))) later.push(index);
    else now.push(index);
    if (key !== undefined) keys.add(key);
  }
  return { now, later };
}

interface Part<Receipt> {
  readonly entries: readonly MessageInput[];
  readonly indexes: readonly number[];
  readonly results: (Receipt | BrokerError)[];
  readonly untilMs: number;
}

async function storePart<Receipt>(
  { items, clock }: OnceStore,
  topicUid: string,
  destination: Destination<Receipt>,
  { entries, indexes, results, untilMs }: Part<Receipt>,
): Promise<void> {
  /** Items of keys whose window is over or whose message was cancelled: they may be replaced. */
  const forgotten = new Map<string, Item>();
  let left = indexes;
  const meet = async (index: number, current: Item | undefined): Promise<void> => {
    const key = keyOf(entries[index]) as string;
    const known = current && knownSendOf(current);
    if (!current || !known) forgotten.delete(key);
    else if (known.untilMs <= clock.nowMs()) forgotten.set(key, current);
    else {
      results[index] = await answerRepeat(destination, known);
      left = left.filter((other) => other !== index);
    }
  };
  // A large body would be stored before its key is checked, so the keys are read first.
  if (indexes.reduce((bytes, index) => bytes + (entries[index]?.body.length ?? 0), 0) > INLINE_FRAME_BYTES_MAX) {
    const keyed = left.filter((index) => keyOf(entries[index]) !== undefined);
    const known = await items.batchGet(keyed.map((index) => knownSendKey(topicUid, keyOf(entries[index]) as string)));
    for (const [nth, index] of keyed.entries()) await meet(index, known[nth]);
  }
  while (left.length > 0) {
    requireInTime(clock, untilMs);
    const keyed = left.filter((index) => keyOf(entries[index]) !== undefined);
    const identities: Identities = (place) =>
      keyed.map((index) =>
        putKnown(topicUid, entries[index] as MessageInput, { place, ordinal: left.indexOf(index) }, clock.nowMs(), forgotten),
      );
    const outcome = await destination.store(
      left.map((index) => entries[index] as MessageInput),
      identities,
    );
    if (outcome.status === "stored") {
      for (const [ordinal, index] of left.entries()) results[index] = outcome.receipts[ordinal] as Receipt;
      return;
    }
    for (const [nth, index] of keyed.entries()) {
      const met = outcome.currents[nth];
      if (met) await meet(index, met.current);
    }
  }
}

function putKnown(
  topicUid: string,
  { once, messageId }: MessageInput,
  at: { readonly place: KnownPlace; readonly ordinal: number },
  nowMs: number,
  forgotten: ReadonlyMap<string, Item>,
): TransactWrite {
  if (once?.kind !== "key") throw new Error("an entry without a dedup key has none to put");
  const before = forgotten.get(once.key);
  return {
    kind: "put",
    item: knownSendItem(topicUid, once.key, { ...at, chosenId: messageId, untilMs: nowMs + once.windowMs }),
    when: before ? isKnownSend(before) : [{ op: "absent", name: "pk" }],
  };
}

const keyOf = (entry: MessageInput | undefined): string | undefined => (entry?.once?.kind === "key" ? entry.once.key : undefined);
