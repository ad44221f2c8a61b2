import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { knownSendKey } from "../keys.ts";
import type { Condition, Item, TransactWrite } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { idAt, type KnownPlace, PLACE_BYTES_MAX, readPlace, writePlace } from "./known-place.ts";
import { producerOf } from "./producer-state.ts";

/**
 * A sent message, as repeats of its send are answered. Item `k#<topic uid>#<dedup key>`: [r] place · ordinal varint; [m] its id if the
 * producer chose it; [u] until when it is known, epoch ms, 0 once its key is free again; [x].
 *
 * The key is free from [u] on, or once the delayed message was cancelled. In both cases the item stays until [x]. A late write of the
 * first send requires the item to be absent, or as it was before, so the item that stays makes that write fail.
 */
export interface KnownSend {
  readonly place: KnownPlace;
  readonly ordinal: number;
  readonly messageId: string;
  readonly untilMs: number;
}

/** The item outlives [u] by this long, because a late write must still find it. */
const LINGER_SECONDS = 3_600;

export function knownSendItem(
  topicUid: string,
  key: string,
  send: Omit<KnownSend, "messageId"> & { readonly chosenId: string | undefined },
): Item {
  const out = new ByteWriter(PLACE_BYTES_MAX);
  writePlace(out, send.place);
  out.varint(send.ordinal);
  return {
    ...knownSendKey(topicUid, key),
    r: out.view(),
    ...(send.chosenId !== undefined && { m: send.chosenId }),
    u: send.untilMs,
    x: Math.ceil(send.untilMs / 1_000) + LINGER_SECONDS,
  };
}

export function knownSendOf(item: Item): KnownSend {
  const { r, m, u } = item as unknown as { r: Uint8Array; m: string | undefined; u: number };
  try {
    const reader = new ByteReader(r);
    const place = readPlace(reader);
    const ordinal = reader.varint();
    return { place, ordinal, messageId: m ?? idAt(place, ordinal), untilMs: u };
  } catch (cause) {
    throw new StoreCorrupt(`known send ${item.pk} does not decode`, { cause, key: { pk: item.pk, sk: item.sk } });
  }
}

/** The condition that it is the send that was read: no two sends have the same place. */
export const isKnownSend = ({ r, u }: Item): readonly Condition[] => [
  { op: "=", name: "r", value: r as Uint8Array },
  { op: "=", name: "u", value: u as number },
];

/** Frees the key of a send as it was read. */
export const freeing = (item: Item): TransactWrite => ({
  kind: "update",
  key: { pk: item.pk, sk: item.sk },
  changes: [{ op: "set", name: "u", value: 0 }],
  when: isKnownSend(item),
});

/** Whether an identity, of either kind, belongs to the timer with this id. */
export function isOfTimer(identity: Item, timerId: string): boolean {
  const place = identity.r ? knownSendOf(identity).place : producerOf(identity, 0)?.writes[0]?.place;
  return place?.kind === "timer" && place.id === timerId;
}
