/** An address as a number of 128 bits. IPv4 is its IPv4-mapped IPv6 address, so that both spellings are one. */
export type IpAddress = bigint;

const IPV4_MAPPED = 0xffff_0000_0000n;
const GROUPS = 8;

export const ipAddressOfIpv4 = (bits: bigint): IpAddress => IPV4_MAPPED | bits;

/** `undefined` for all but the textual form: no octal or short IPv4, no zone, no brackets. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const ipv4 = parseIpv4(text);
  return ipv4 === undefined ? parseIpv6(text) : ipAddressOfIpv4(ipv4);
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const [left = "", right, ...more] = withoutDots(text).split("::");
  if (more.length > 0) return undefined;
  const head = groupsOf(left);
  const tail = groupsOf(right ?? "");
  const missing = GROUPS - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

const groupsOf = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));

/** Replaces an IPv4 address at the end (`::ffff:192.0.2.1`) by its two groups. */
function withoutDots(text: string): string {
  const end = text.lastIndexOf(":") + 1;
  const ipv4 = parseIpv4(text.slice(end));
  return ipv4 === undefined ? text : `${text.slice(0, end)}${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`;
}
