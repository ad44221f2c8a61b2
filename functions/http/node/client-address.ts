import type { Socket } from "node:net";

const IPV4_MAPPED = "::ffff:";

/** Of the client, or of the proxy before it: no header is believed, since any client can write one. IPv4 is shown as such. */
export function clientAddress({ remoteAddress }: Pick<Socket, "remoteAddress">): string | undefined {
  return remoteAddress?.startsWith(IPV4_MAPPED) ? remoteAddress.slice(IPV4_MAPPED.length) : remoteAddress;
}
