import { fromBase64url, toBase64url } from "../bytes/base64url.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { BrokerError } from "../errors.ts";
import type { Signer } from "../ports/signer.ts";
import type { TimerPlace } from "./timer.ts";

/**
 * The right to cancel or move one delayed message.
 *
 *   handle := base64url(version u8 · topic uid text · shard u8 · dueMs u48 · timer id text · tag 16 bytes)
 */
export class RecallHandles {
  readonly #signer: Signer;
  readonly #key: Uint8Array;

  constructor(signer: Signer, key: Uint8Array) {
    this.#signer = signer;
    this.#key = key;
  }

  write(topicUid: string, { shard, dueMs, id }: TimerPlace): string {
    const out = new ByteWriter(96);
    out.u8(VERSION);
    out.text(topicUid);
    out.u8(shard);
    out.u48(dueMs);
    out.text(id);
    out.raw(this.#tag(out.view()));
    return toBase64url(out.view());
  }

  /** Errors: BAD_REQUEST unless the text is the handle of a message of this topic. */
  read(topicUid: string, text: string): TimerPlace {
    const bytes = text.length <= CHARS_MAX ? fromBase64url(text) : undefined;
    if (!bytes || bytes.length <= TAG_BYTES) throw notAHandle();
    const signed = bytes.subarray(0, bytes.length - TAG_BYTES);
    if (!this.#signer.equal(bytes.subarray(signed.length), this.#tag(signed))) throw notAHandle();
    const reader = new ByteReader(signed);
    if (reader.u8() !== VERSION || reader.text() !== topicUid) throw notAHandle();
    return { shard: reader.u8(), dueMs: reader.u48(), id: reader.text() };
  }

  #tag(bytes: Uint8Array): Uint8Array {
    const out = new ByteWriter(bytes.length + PURPOSE.length + 1);
    out.text(PURPOSE);
    out.raw(bytes);
    return this.#signer.sign(this.#key, out.view()).subarray(0, TAG_BYTES);
  }
}

const VERSION = 1;
const TAG_BYTES = 16;
const CHARS_MAX = 512;
/** No other signed text starts with it. */
const PURPOSE = "recall";

const notAHandle = (): BrokerError =>
  new BrokerError("BAD_REQUEST", "The recall handle is not one that a send to this topic returned.", {
    errors: [{ field: "recallHandle", detail: "Is not one that a send to this topic returned." }],
  });
