import { LRUCache } from "lru-cache";
import { fromBase64url, toBase64url } from "../bytes/base64url.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { BrokerError } from "../errors.ts";
import { RECENT_DELIVERIES_MAX } from "../limits.ts";
import type { Signer } from "../ports/signer.ts";
import type { Held, HeldMessage } from "../progress/held.ts";

/**
 * The right to settle one message of one delivery.
 *
 *   handle   := base64url(delivery) "." base64url(position varint · tag 12 bytes)
 *   delivery := version u8 · group uid text · subscription uid text · queue varint · generation varint · claim id text
 *               · first varint · nonce text · attempt varint · leaseUntilMs u48 · handed out varint
 *               · [bucket varint · head varint · step varint*] of an ordered claim
 *
 * Version 2 means that the claim carries an attempt's tag.
 *
 * A message's position is its offset − first; in an ordered delivery, whose messages may lie far apart, its position among them: steps
 * lead from one to the next. A tag is a slice of HMAC(key, delivery · position's fifth): slices of a pseudo-random function are
 * independent of one another, and so five messages share one computation.
 */
export interface ReceiptHandle extends HandedDelivery, HeldMessage {}

/** The part that all handles of one delivery share. */
export interface HandedDelivery {
  readonly groupUid: string;
  readonly subscriptionUid: string;
  readonly queueId: number;
  readonly held: Held;
  /** Of an ordered claim: the messages of this delivery, relative to `first`, ascending. */
  readonly offsets?: readonly number[] | undefined;
}

const VERSION = { plain: 1, tagged: 2 } as const;
const TAG_BYTES = 12;
const TAGS_PER_HMAC = 5;
const CHARS_MAX = 512;

/** A delivery, its text, and the HMACs computed for it so far. */
interface SignedDelivery {
  readonly delivery: HandedDelivery;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly hmacs: Map<number, Uint8Array>;
}

export class ReceiptHandles {
  readonly #signer: Signer;
  readonly #key: Uint8Array;
  /** Deliveries of which this process recently wrote or read handles. Most handles are settled together, where they were received. */
  readonly #recent = new LRUCache<string, SignedDelivery>({ max: RECENT_DELIVERIES_MAX });

  constructor(signer: Signer, key: Uint8Array) {
    this.#signer = signer;
    this.#key = key;
  }

  /** Answers a function that writes the handle of a message, given its offset relative to `first`. */
  forDelivery(delivery: HandedDelivery): (relativeOffset: number) => string {
    const { held, offsets } = delivery;
    const out = new ByteWriter(96);
    out.u8(held.tagged ? VERSION.tagged : VERSION.plain);
    out.text(delivery.groupUid);
    out.text(delivery.subscriptionUid);
    out.varint(delivery.queueId);
    out.varint(held.generation);
    out.text(held.id);
    out.varint(held.first);
    out.text(held.nonce);
    out.varint(held.attempt);
    out.u48(held.dueMs);
    out.varint(held.handedOut);
    if (held.order) {
      out.varint(held.order.bucket);
      out.varint(held.order.head);
      writeSteps(out, offsets ?? []);
    }
    const signed = { delivery, text: toBase64url(out.view()), bytes: out.view(), hmacs: new Map<number, Uint8Array>() };
    this.#recent.set(signed.text, signed);
    return (relativeOffset) => {
      const position = held.order && offsets ? offsets.indexOf(relativeOffset) : relativeOffset;
      const tail = new ByteWriter(TAG_BYTES + 4);
      tail.varint(position);
      tail.raw(this.#tag(signed, position));
      return `${signed.text}.${toBase64url(tail.view())}`;
    };
  }

  /** Errors: INVALID_RECEIPT_HANDLE for anything this broker did not sign. */
  read(text: string): ReceiptHandle {
    const dot = text.length <= CHARS_MAX ? text.indexOf(".") : -1;
    const tail = dot > 0 ? fromBase64url(text.slice(dot + 1)) : undefined;
    if (!tail || tail.length <= TAG_BYTES) throw invalidHandle();
    const deliveryText = text.slice(0, dot);
    const known = this.#recent.get(deliveryText);
    try {
      const signed = known ?? unverified(deliveryText);
      const reader = new ByteReader(tail);
      const position = reader.varint();
      const tag = reader.raw(reader.remaining);
      if (!this.#signer.equal(tag, this.#tag(signed, position))) throw invalidHandle();
      if (!known) this.#recent.set(deliveryText, signed);
      const { offsets } = signed.delivery;
      return { ...signed.delivery, relativeOffset: offsets ? (offsets[position] as number) : position };
    } catch (error) {
      // The bytes are malformed, so this broker did not sign them.
      if (error instanceof RangeError || error instanceof TypeError) throw invalidHandle();
      throw error;
    }
  }

  #tag({ bytes, hmacs }: SignedDelivery, position: number): Uint8Array {
    const fifth = Math.floor(position / TAGS_PER_HMAC);
    let hmac = hmacs.get(fifth);
    if (!hmac) {
      const out = new ByteWriter(bytes.length + 8);
      out.raw(bytes);
      out.varint(fifth);
      hmac = this.#signer.sign(this.#key, out.view());
      hmacs.set(fifth, hmac);
    }
    const at = (position % TAGS_PER_HMAC) * TAG_BYTES;
    return hmac.subarray(at, at + TAG_BYTES);
  }
}

function unverified(text: string): SignedDelivery {
  const bytes = fromBase64url(text);
  if (!bytes) throw invalidHandle();
  return { delivery: readDelivery(bytes), text, bytes, hmacs: new Map() };
}

function readDelivery(bytes: Uint8Array): HandedDelivery {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION.plain && version !== VERSION.tagged) throw invalidHandle();
  const [groupUid, subscriptionUid, queueId] = [reader.text(), reader.text(), reader.varint()];
  const held: Held = {
    generation: reader.varint(),
    id: reader.text(),
    first: reader.varint(),
    nonce: reader.text(),
    attempt: reader.varint(),
    dueMs: reader.u48(),
    handedOut: reader.varint(),
    tagged: version === VERSION.tagged,
  };
  if (reader.remaining === 0) return { groupUid, subscriptionUid, queueId, held };
  const order = { bucket: reader.varint(), head: reader.varint() };
  return { groupUid, subscriptionUid, queueId, held: { ...held, order }, offsets: readSteps(reader) };
}

function writeSteps(out: ByteWriter, offsets: readonly number[]): void {
  let before = 0;
  for (const offset of offsets) {
    out.varint(offset - before);
    before = offset;
  }
}

function readSteps(reader: ByteReader): readonly number[] {
  const offsets: number[] = [];
  for (let before = 0; reader.remaining > 0; ) {
    before += reader.varint();
    offsets.push(before);
  }
  return offsets;
}

export const invalidHandle = (): BrokerError =>
  new BrokerError("INVALID_RECEIPT_HANDLE", "The receipt handle is not one that a receive by this group returned.");
