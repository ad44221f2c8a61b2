import { type IpAddress, parseIpAddress } from "./ip-address.ts";

const ADDRESS_BITS = 128;
const IPV4_BITS = 32;

/** The addresses that have the leading bits of `first`. */
export interface AddressRange {
  readonly first: IpAddress;
  readonly trailingBits: bigint;
}

/** Parses CIDR notation, as in `10.0.0.0/8`, or one address. `undefined` for anything else, also if bits behind the prefix are set. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, address = "", prefix] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const first = parseIpAddress(address);
  const bits = address.includes(":") ? ADDRESS_BITS : IPV4_BITS;
  const trailing = bits - Number(prefix ?? bits);
  if (first === undefined || trailing < 0) return undefined;
  const trailingBits = BigInt(trailing);
  return (first >> trailingBits) << trailingBits === first ? { first, trailingBits } : undefined;
}

export const isWithin = ({ first, trailingBits }: AddressRange, address: IpAddress): boolean =>
  address >> trailingBits === first >> trailingBits;
