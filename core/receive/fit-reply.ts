import type { Delivery } from "../progress/held.ts";
import type { StoredMessage } from "../terms.ts";

/**
 * How many of a delivery's messages, counted from its first, still fit into a reply. A reply's first message is sent whatever its size.
 * An ordered delivery is sent whole or not at all: an ordered claim is never split, so giving back one message gives back all.
 */
export function countThatFits(
  { messages, held: { order } }: Delivery,
  reply: { readonly empty: boolean; readonly bytesLeft: number },
): number {
  let bytes = 0;
  const end = messages.findIndex(({ body }: StoredMessage, index) => {
    bytes += body.length;
    return bytes > reply.bytesLeft && !(reply.empty && index === 0);
  });
  if (end < 0) return messages.length;
  if (order === undefined) return end;
  return reply.empty ? messages.length : 0;
}
