import { fromBase64url, toBase64url } from "../bytes/base64url.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { BrokerError } from "../errors.ts";
import type { Signer } from "../ports/signer.ts";

/**
 * The right to settle one message of one delivery.
 *
 *   handle := base64url(version u8 · group uid text · subscription uid text · queue varint · generation varint · claim id text
 *             · first varint · offset − first varint · nonce text · attempt varint · leaseUntilMs u48 · handed out varint
 *             · first 12 bytes of the HMAC of all before)
 */
export interface ReceiptHandle {
  readonly groupUid: string;
  readonly subscriptionUid: string;
  readonly queueId: number;
  readonly generation: number;
  readonly claimId: string;
  /** The claim's first offset: claim ids come back, this pair does not. */
  readonly first: number;
  readonly relativeOffset: number;
  readonly nonce: string;
  readonly attempt: number;
  readonly leaseUntilMs: number;
  /** Messages this delivery handed out from the claim: who settles all of them may remove it. */
  readonly handedOut: number;
}

const VERSION = 1;
const TAG_BYTES = 12;
const CHARS_MAX = 512;

export class ReceiptHandles {
  readonly #signer: Signer;
  readonly #key: Uint8Array;

  constructor(signer: Signer, key: Uint8Array) {
    this.#signer = signer;
    this.#key = key;
  }

  write(handle: ReceiptHandle): string {
    const out = new ByteWriter(96);
    out.u8(VERSION);
    out.text(handle.groupUid);
    out.text(handle.subscriptionUid);
    out.varint(handle.queueId);
    out.varint(handle.generation);
    out.text(handle.claimId);
    out.varint(handle.first);
    out.varint(handle.relativeOffset);
    out.text(handle.nonce);
    out.varint(handle.attempt);
    out.u48(handle.leaseUntilMs);
    out.varint(handle.handedOut);
    out.raw(this.#tag(out.view()));
    return toBase64url(out.view());
  }

  /** Errors: INVALID_RECEIPT_HANDLE for anything this broker did not sign. */
  read(text: string): ReceiptHandle {
    const bytes = text.length <= CHARS_MAX ? fromBase64url(text) : undefined;
    if (!bytes || bytes.length <= TAG_BYTES) throw invalidHandle();
    const end = bytes.length - TAG_BYTES;
    if (!this.#signer.equal(bytes.subarray(end), this.#tag(bytes.subarray(0, end)))) throw invalidHandle();
    const reader = new ByteReader(bytes, 0, end);
    if (reader.u8() !== VERSION) throw invalidHandle();
    return {
      groupUid: reader.text(),
      subscriptionUid: reader.text(),
      queueId: reader.varint(),
      generation: reader.varint(),
      claimId: reader.text(),
      first: reader.varint(),
      relativeOffset: reader.varint(),
      nonce: reader.text(),
      attempt: reader.varint(),
      leaseUntilMs: reader.u48(),
      handedOut: reader.varint(),
    };
  }

  #tag(bytes: Uint8Array): Uint8Array {
    return this.#signer.sign(this.#key, bytes).subarray(0, TAG_BYTES);
  }
}

export const invalidHandle = (): BrokerError =>
  new BrokerError("INVALID_RECEIPT_HANDLE", "The receipt handle is not one that a receive by this group returned.");
