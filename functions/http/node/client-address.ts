import type { Socket } from "node:net";

const IPV4_MAPPED = "::ffff:";

/** The address of the client, or of its proxy: headers are not believed, as any client can write them. IPv4 is shown as such. */
export function clientAddress({ remoteAddress }: Pick<Socket, "remoteAddress">): string | undefined {
  return remoteAddress?.startsWith(IPV4_MAPPED) ? remoteAddress.slice(IPV4_MAPPED.length) : remoteAddress;
}
