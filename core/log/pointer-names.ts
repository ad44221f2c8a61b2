import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { POINTER_HASHES_MAX } from "./log-limits.ts";

/**
 * What the messages behind a pointer are looked up by, so that finding one of them needs no object: 40-bit hashes (`message/key-hash`).
 *
 *   names := 0                                   too many: they are in the object
 *   names := 1 · hashes per message varint · hash u40*
 *   names := 2 · hashes of each message varint* · hash u40*
 */
export type PointerNames = "in object" | readonly (readonly number[])[];

const IN_OBJECT = 0;
const SAME_COUNTS = 1;
const COUNTS = 2;

/** `hashes` are those of each message, in order. */
export function encodePointerNames(hashes: readonly (readonly number[])[]): Uint8Array {
  const all = hashes.flat();
  const out = new ByteWriter(8 + hashes.length + 5 * Math.min(all.length, POINTER_HASHES_MAX));
  if (all.length > POINTER_HASHES_MAX) {
    out.u8(IN_OBJECT);
    return out.view();
  }
  const [first = []] = hashes;
  if (hashes.every(({ length }) => length === first.length)) {
    out.u8(SAME_COUNTS);
    out.varint(first.length);
  } else {
    out.u8(COUNTS);
    for (const { length } of hashes) out.varint(length);
  }
  for (const hash of all) {
    out.u8(Math.floor(hash / 2 ** 32));
    out.u32(hash % 2 ** 32);
  }
  return out.view();
}

/** Names of `count` messages. Errors: `RangeError` for malformed ones. */
export function decodePointerNames(names: Uint8Array, count: number): PointerNames {
  const reader = new ByteReader(names);
  const layout = reader.u8();
  if (layout === IN_OBJECT) return "in object";
  if (layout !== SAME_COUNTS && layout !== COUNTS) throw new RangeError(`unknown layout of names ${layout}`);
  const same = layout === SAME_COUNTS ? reader.varint() : undefined;
  const counts = Array.from({ length: count }, () => same ?? reader.varint());
  if (counts.reduce((sum, one) => sum + one, 0) > POINTER_HASHES_MAX) throw new RangeError("more names than a pointer may have");
  return counts.map((length) => Array.from({ length }, () => reader.u8() * 2 ** 32 + reader.u32()));
}
