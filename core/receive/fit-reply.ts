import type { Delivery } from "../progress/held.ts";
import type { StoredMessage } from "../terms.ts";

/**
 * How many of a delivery's messages, from its first on, a reply still has room for. The first message of a reply comes whatever
 * its size; an ordered delivery comes whole or not at all, since what is given back of it takes the rest along.
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
