import { BlockList, isIP, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithin, parseAddressRange } from "../../../core/webhooks/address-range.ts";
import { parseIpAddress } from "../../../core/webhooks/ip-address.ts";

/** Text that is nearly an address more often than not. */
const nearlyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.tuple(fc.ipV6(), fc.ipV4()).map(([v6, v4]) => v6.replace(/[^:]*$/, v4)),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdfF:.%"), maxLength: 42 }),
  fc
    .array(fc.constantFrom("0", "00", "1", "ffff", "12345", "", "255", "256", "01"), { maxLength: 9 })
    .map((parts) => parts.join(":")),
  fc.array(fc.constantFrom("0", "00", "1", "255", "256", "010", ""), { maxLength: 5 }).map((parts) => parts.join(".")),
);
const runs = { numRuns: 2_000 };

describe("an address", () => {
  it("is what Node takes for one, but never with a zone", () => {
    fc.assert(
      fc.property(nearlyAddress, (text) => {
        expect(parseIpAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes("%"));
      }),
      runs,
    );
  });

  it.each([
    ["0.0.0.1", 0xffff_0000_0001n],
    ["::ffff:192.0.2.1", 0xffff_c000_0201n],
    ["::", 0n],
    ["::1", 1n],
    ["1::", 1n << 112n],
    ["2001:DB8::a:0:0:1", 0x2001_0db8_0000_0000_000a_0000_0000_0001n],
    ["64:ff9b::10.0.0.1", 0x64_ff9b_0000_0000_0000_0000_0a00_0001n],
  ])("%s has its value", (text, value) => {
    expect(parseIpAddress(text)).toBe(value);
  });
});

describe("a range", () => {
  const mapped = (text: string): string => (isIPv6(text) ? text : `::ffff:${text}`);

  it("holds the addresses that Node's BlockList says", () => {
    const bits = fc.integer({ min: 0, max: 128 });
    // Near the range more often than not.
    const addresses = fc.tuple(fc.ipV6(), bits, bits).map(([text, prefix, flipped]) => {
      const value = parseIpAddress(text) ?? 0n;
      const trailing = BigInt(128 - prefix);
      return { first: (value >> trailing) << trailing, prefix, address: value ^ (flipped === 128 ? 0n : 1n << BigInt(flipped)) };
    });
    fc.assert(
      fc.property(addresses, ({ first, prefix, address }) => {
        // BlockList compares IPv4-mapped addresses with IPv4 rules.
        fc.pre(!isIpv4Mapped(first) && !isIpv4Mapped(address));
        const list = new BlockList();
        list.addSubnet(textOf(first), prefix, "ipv6");
        const range = parseAddressRange(`${textOf(first)}/${prefix}`);
        expect(range && isWithin(range, address)).toBe(list.check(textOf(address), "ipv6"));
      }),
      runs,
    );
  });

  it("of IPv4 holds the addresses that Node's BlockList says, in either spelling", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (text, other, prefix) => {
        const trailing = BigInt(32 - prefix);
        const first = dotted((((parseIpAddress(text) ?? 0n) & 0xffff_ffffn) >> trailing) << trailing);
        const list = new BlockList();
        list.addSubnet(first, prefix, "ipv4");
        const range = parseAddressRange(`${first}/${prefix}`);
        for (const address of [text, other]) {
          expect(range && isWithin(range, parseIpAddress(address) ?? 0n)).toBe(list.check(address, "ipv4"));
          expect(range && isWithin(range, parseIpAddress(mapped(address)) ?? 0n)).toBe(list.check(address, "ipv4"));
        }
      }),
      runs,
    );
  });

  it("is one address where no prefix is given", () => {
    for (const [text, prefix] of [
      ["127.0.0.1", 32],
      ["fd00::1", 128],
    ] as const)
      expect(parseAddressRange(text)).toEqual(parseAddressRange(`${text}/${prefix}`));
  });

  it.each(["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.1/8", "::/129", "fd00::1/64", "/8", "10.0.0.0/8/8", "a/8"])(
    "'%s' is none",
    (text) => {
      expect(parseAddressRange(text)).toBeUndefined();
    },
  );

  const isIpv4Mapped = (value: bigint): boolean => value >> 32n === 0xffffn;
  const textOf = (value: bigint): string =>
    value
      .toString(16)
      .padStart(32, "0")
      .replace(/.{4}(?=.)/g, "$&:");
  const dotted = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
});
