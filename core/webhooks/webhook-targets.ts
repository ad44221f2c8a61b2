import { type AddressRange, isWithin, parseAddressRange } from "./address-range.ts";
import { type IpAddress, ipAddressOfIpv4 } from "./ip-address.ts";

/** Where webhooks may go besides public addresses over HTTPS. */
export interface WebhookTargets {
  readonly allowHttp: boolean;
  readonly allowedRanges: readonly AddressRange[];
}

const range = (text: string): AddressRange => {
  const parsed = parseAddressRange(text);
  if (parsed === undefined) throw new Error(`not a range: ${text}`);
  return parsed;
};

const IPV4 = range("::ffff:0:0/96");
/** IPv4 addresses behind a translator, as a host without IPv4 sees them (RFC 6052). */
const NAT64 = range("64:ff9b::/96");
const IPV6_GLOBAL_UNICAST = range("2000::/3");

/** Source: IANA's registries of special-purpose addresses, and addresses that clouds reserve. */
const RESERVED = [
  "0.0.0.0/8", // this network; 0.0.0.0 reaches this host
  "10.0.0.0/8", // private
  "100.64.0.0/10", // shared behind a carrier's NAT; Alibaba's metadata
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // Azure's host, although the address is public
  "169.254.0.0/16", // link-local; the metadata of most clouds
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments; Oracle's metadata
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
  "2001::/23", // protocol assignments, Teredo among them
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which can hold any IPv4 address
  "3fff::/20", // documentation
].map(range);

/** Whether a connection to `address` may be made: it is public, or in a range that the settings allow. */
export function mayReach({ allowedRanges }: WebhookTargets, address: IpAddress): boolean {
  const reached = isWithin(NAT64, address) ? ipAddressOfIpv4(address & 0xffff_ffffn) : address;
  return isPublic(reached) || allowedRanges.some((allowed) => isWithin(allowed, reached));
}

const isPublic = (address: IpAddress): boolean =>
  (isWithin(IPV4, address) || isWithin(IPV6_GLOBAL_UNICAST, address)) &&
  !RESERVED.some((reserved) => isWithin(reserved, address));
