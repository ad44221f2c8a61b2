import { SEND_BYTES_MAX } from "../limits.ts";
import { type MessageRecord, recordBytesMax } from "../message/record-codec.ts";

/**
 * How many of the first records may be put together into one frame: those that weigh no more than a send may, unpacked, so that
 * whoever reads one of them need not unpack more. At least 1 where there is one: a frame has room for any message alone.
 */
export function countInFrame(records: readonly MessageRecord[]): number {
  let bytes = 0;
  const end = records.findIndex((record, index) => {
    bytes += recordBytesMax(record);
    return index > 0 && bytes > SEND_BYTES_MAX;
  });
  return end < 0 ? records.length : end;
}
