import { SEND_BYTES_MAX } from "../limits.ts";
import { type MessageRecord, recordBytesMax } from "../message/record-codec.ts";

/**
 * How many of the first records may share one frame: those that together weigh no more than a send may, unpacked. So a reader of one of
 * them need not unpack more. At least 1 if there is any, because a frame has room for any single message.
 */
export function countInFrame(records: readonly MessageRecord[]): number {
  let bytes = 0;
  const end = records.findIndex((record, index) => {
    bytes += recordBytesMax(record);
    return index > 0 && bytes > SEND_BYTES_MAX;
  });
  return end < 0 ? records.length : end;
}
