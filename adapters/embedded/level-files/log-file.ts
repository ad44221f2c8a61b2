import { crc32c } from "../../../core/bytes/crc32c.ts";
import { unmasked } from "./masked-crc.ts";

/**
 * A log of LevelDB, which its write-ahead logs and its MANIFEST are:
 *
 *   log    = block*                                      blocks of 32 KiB, the last one shorter
 *   block  = record* zero*                               fewer than 7 zeros, where no header has room
 *   record = crc:u32le length:u16le type:u8 bytes        crc: masked CRC-32C of type and bytes
 *   type   = 1 whole | 2 first | 3 middle | 4 last       part of what was written at once
 */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const WHOLE = 1;
const MIDDLE = 3;
const LAST = 4;
/** The smallest unit that storage writes. The part that a power cut leaves unwritten begins at a multiple of it. */
const SECTOR_BYTES = 512;

/** `torn`: the log ends within a write, as after a crash. That write was never acknowledged. */
export type LogEnd = "whole" | "torn" | { readonly damagedAt: number };

/** Passes the written entries to `take`, in order, until the log ends or is damaged. */
export function readLog(log: Buffer, take: (entry: Buffer) => void = () => undefined): LogEnd {
  let parts: Buffer[] = [];
  for (let at = 0; at < log.length; ) {
    const blockLeft = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (blockLeft < HEADER_BYTES) {
      at += blockLeft;
      continue;
    }
    const fault = faultOf(log, at, blockLeft);
    if (fault !== undefined) return fault === "torn" ? "torn" : { damagedAt: at };
    const end = at + HEADER_BYTES + log.readUInt16LE(at + 4);
    const type = log[at + 6];
    const continues = type === MIDDLE || type === LAST;
    if (continues !== parts.length > 0) return { damagedAt: at };
    parts.push(log.subarray(at + HEADER_BYTES, end));
    if (type === WHOLE || type === LAST) {
      take(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
      parts = [];
    }
    at = end;
  }
  return parts.length > 0 ? "torn" : "whole";
}

/** The fault of the record at `at`, if any. */
function faultOf(log: Buffer, at: number, blockLeft: number): "torn" | "damaged" | undefined {
  if (at + HEADER_BYTES > log.length) return "torn";
  const length = log.readUInt16LE(at + 4);
  const type = log[at + 6] as number;
  if (HEADER_BYTES + length > blockLeft) return "damaged";
  const end = at + HEADER_BYTES + length;
  const right = isRight(log, at, Math.min(end, log.length));
  // If the record is complete, or others follow it, its length is wrong.
  if (end > log.length) return right || holdsRecord(log, at + HEADER_BYTES) ? "damaged" : "torn";
  if (right) return type >= WHOLE && type <= LAST ? undefined : "damaged";
  return zeroFrom(log, type === 0 ? at : Math.ceil((at + HEADER_BYTES) / SECTOR_BYTES) * SECTOR_BYTES) ? "torn" : "damaged";
}

const isRight = (log: Buffer, at: number, end: number): boolean => crc32c(log, at + 6, end) === unmasked(log.readUInt32LE(at));

/** Whether a sound record begins anywhere behind `from`, in the last block. */
function holdsRecord(log: Buffer, from: number): boolean {
  for (let at = from; at + HEADER_BYTES < log.length; at++) {
    const type = log[at + 6] as number;
    const end = at + HEADER_BYTES + log.readUInt16LE(at + 4);
    if (type >= WHOLE && type <= LAST && end <= log.length && isRight(log, at, end)) return true;
  }
  return false;
}

/** Whether only zeros, at least one, follow from `from` to the end: room that was allocated to the file before a write. */
function zeroFrom(log: Buffer, from: number): boolean {
  return from < log.length && log.subarray(from).every((byte) => byte === 0);
}
