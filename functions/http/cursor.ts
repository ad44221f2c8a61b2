import { type BrokerError, badField } from "../../core/errors.ts";
import { CURSOR_LIFE_MS } from "../../core/limits.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Signer } from "../../core/ports/signer.ts";

/** Bytes of a cursor's signature. */
const TAG_BYTES = 16;

/**
 * Opaque, signed positions in a list: base64url of the expiry (8 bytes, epoch ms), a 16-byte tag, and the name to continue after. The
 * tag also covers `scope`, the route and its query, so a cursor is valid only for the list that issued it.
 */
export interface Cursors {
  encode(scope: string, after: string): string;
  /** Errors: BAD_REQUEST for a cursor that is malformed, forged, of another list or older than a day. */
  decode(scope: string, cursor: string): string;
}

export function createCursors(dependencies: { signer: Signer; key: Uint8Array; clock: Clock }): Cursors {
  const { signer, key, clock } = dependencies;
  const tagOf = (scope: string, expiry: Uint8Array, after: Uint8Array): Uint8Array =>
    signer.sign(key, Buffer.concat([Buffer.from(`cursor\0${scope}\0`), expiry, after])).subarray(0, TAG_BYTES);
  return {
    encode(scope, after) {
      const expiry = Buffer.alloc(8);
      expiry.writeDoubleBE(clock.nowMs() + CURSOR_LIFE_MS);
      const name = Buffer.from(after);
      return Buffer.concat([expiry, tagOf(scope, expiry, name), name]).toString("base64url");
    },
    decode(scope, cursor) {
      const bytes = Buffer.from(cursor, "base64url");
      const expiry = bytes.subarray(0, 8);
      const name = bytes.subarray(8 + TAG_BYTES);
      const genuine =
        bytes.length > 8 + TAG_BYTES &&
        bytes.toString("base64url") === cursor &&
        signer.equal(bytes.subarray(8, 8 + TAG_BYTES), tagOf(scope, expiry, name));
      if (!genuine) throw badCursor("It is not a cursor that this list gave with these parameters.");
      if (expiry.readDoubleBE() < clock.nowMs()) throw badCursor("It is more than a day old; start the list again.");
      return name.toString();
    },
  };
}

const badCursor = (detail: string): BrokerError => badField("cursor", detail, `The cursor cannot be used. ${detail}`);
