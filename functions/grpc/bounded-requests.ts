import { BinaryReader } from "@bufbuild/protobuf/wire";
import { MessagingServiceService } from "./generated/apache/rocketmq/v2/service.ts";

/** Of every request but a send. */
const REQUEST_BYTES_MAX = 256 * 1_024;
/** Messages that a send is decoded with. A call of more than it may send is told so by the broker's rule. */
const MESSAGES_DECODED_MAX = 1_000;

/**
 * The service, with requests that are refused before they are decoded where decoding would take much more memory than their bytes: a list of
 * empty entries takes two bytes for each, and some hundred once it is read.
 */
export const BOUNDED_SERVICE = Object.fromEntries(
  Object.entries(MessagingServiceService).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      if (name === "sendMessage") checkMessages(bytes);
      else if (bytes.length > REQUEST_BYTES_MAX) throw new RangeError(`a request has at most ${REQUEST_BYTES_MAX} bytes`);
      return method.requestDeserialize(bytes);
    };
    return [name, { ...method, requestDeserialize }];
  }),
) as typeof MessagingServiceService;

function checkMessages(bytes: Buffer): void {
  const reader = new BinaryReader(bytes);
  for (let count = 0; reader.pos < reader.len; count++) {
    if (count >= MESSAGES_DECODED_MAX) throw new RangeError(`a send has at most ${MESSAGES_DECODED_MAX} messages`);
    const [, wireType] = reader.tag();
    reader.skip(wireType);
  }
}
