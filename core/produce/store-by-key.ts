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
 * Stores entries of one destination, some of which are known by a dedup key: each key's item is put in the transaction that stores its
 * message, on condition that there is none. Who meets one leaves that entry out, answers it as its first send was answered, and
 * stores the rest. One result per entry.
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
      // What comes after a failed store is not tried: it would be stored ahead of what comes before it.
      for (const index of stopsAll(failure) ? waiting : now) results[index] ??= failure;
      if (stopsAll(failure)) return results;
    }
    waiting = later;
  }
  return results;
}

/** As many of the first as fit one transaction; a key's second entry waits for what becomes of its first. */
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
  /** What lies under a key though its window is over, or its message was cancelled: it may be replaced. */
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
  // A large body is stored before its key is met: better to look first.
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
