import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { producerStateKey } from "../keys.ts";
import { PRODUCER_IDLE_MS_MAX, PRODUCER_WRITES_KEPT } from "../limits.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { idAt, type KnownPlace, PLACE_BYTES_MAX, readPlace, writePlace } from "./known-place.ts";

/**
 * The state, in one topic, of a producer that numbers its messages. Item `p#<topic uid>#<producer id>`: [s] last sequence; [w] latest
 * writes, the newest first; [u] until when it is known, epoch ms; [x].
 *
 *   writes := (first sequence varint · count varint · place · ids u8 (0: none chosen) [id text ("" where not chosen)]*)*
 */
export interface ProducerState {
  readonly last: number;
  readonly writes: readonly ProducerWrite[];
  readonly untilMs: number;
}

export interface ProducerWrite {
  readonly first: number;
  readonly count: number;
  readonly place: KnownPlace;
  /** The ids that the producer chose, if it chose any. */
  readonly chosenIds: readonly (string | undefined)[] | undefined;
}

/** Bounds the writes kept for repeats, since many ids could outgrow the item. The oldest writes are dropped first. */
const WRITES_BYTES_MAX = 3_072;

export function producerItem(
  topicUid: string,
  producerId: string,
  before: ProducerState | undefined,
  write: ProducerWrite,
  nowMs: number,
): Item {
  const untilMs = nowMs + PRODUCER_IDLE_MS_MAX;
  const written: Uint8Array[] = [];
  let bytes = 0;
  for (const kept of [write, ...(before?.writes ?? [])].slice(0, PRODUCER_WRITES_KEPT)) {
    const encoded = encodeWrite(kept);
    bytes += encoded.length;
    if (written.length > 0 && bytes > WRITES_BYTES_MAX) break;
    written.push(encoded);
  }
  const out = new ByteWriter(bytes);
  for (const encoded of written) out.raw(encoded);
  return {
    ...producerStateKey(topicUid, producerId),
    s: write.first + write.count - 1,
    w: out.view(),
    u: untilMs,
    x: Math.ceil(untilMs / 1_000),
  };
}

/** The condition that the state is as it was read. A forgotten state is replaced. */
export const asRead = (item: Item | undefined): readonly Condition[] =>
  item
    ? [
        { op: "=", name: "s", value: item.s as number },
        { op: "=", name: "u", value: item.u as number },
      ]
    : [{ op: "absent", name: "pk" }];

/** `undefined` if the producer is unknown, or was idle too long. */
export function producerOf(item: Item | undefined, nowMs: number): ProducerState | undefined {
  if (!item || (item.u as number) <= nowMs) return undefined;
  const { s, w, u } = item as unknown as { s: number; w: Uint8Array; u: number };
  const writes: ProducerWrite[] = [];
  try {
    for (const reader = new ByteReader(w); reader.remaining > 0; ) writes.push(readWrite(reader));
  } catch (cause) {
    throw new StoreCorrupt(`producer ${item.pk} does not decode`, { cause, key: { pk: item.pk, sk: item.sk } });
  }
  return { last: s, writes, untilMs: u };
}

/** Where the message with this sequence went; `undefined` if it is not among the latest. */
export function sentBefore(
  state: ProducerState,
  sequence: number,
): { readonly place: KnownPlace; readonly ordinal: number; readonly messageId: string } | undefined {
  const write = state.writes.find(({ first, count }) => sequence >= first && sequence < first + count);
  if (!write) return undefined;
  const ordinal = sequence - write.first;
  return { place: write.place, ordinal, messageId: write.chosenIds?.[ordinal] ?? idAt(write.place, ordinal) };
}

function encodeWrite({ first, count, place, chosenIds }: ProducerWrite): Uint8Array {
  const out = new ByteWriter(PLACE_BYTES_MAX);
  out.varint(first);
  out.varint(count);
  writePlace(out, place);
  out.u8(chosenIds ? 1 : 0);
  for (const id of chosenIds ?? []) out.text(id ?? "");
  return out.view();
}

function readWrite(reader: ByteReader): ProducerWrite {
  const first = reader.varint();
  const count = reader.varint();
  const place = readPlace(reader);
  if (reader.u8() === 0) return { first, count, place, chosenIds: undefined };
  return { first, count, place, chosenIds: Array.from({ length: count }, () => reader.text() || undefined) };
}
