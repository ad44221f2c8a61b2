import { describe, expect, it } from "vitest";
import { parseIpAddress } from "../../../core/webhooks/ip-address.ts";
import { mayReach, type WebhookTargets } from "../../../core/webhooks/webhook-targets.ts";
import { targetsOf } from "./targets.ts";

const PUBLIC_ONLY = targetsOf();

function reaches(targets: WebhookTargets, text: string): boolean {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return mayReach(targets, address);
}

/** First, last and some address between of what must not be reached. */
const REFUSED: Record<string, readonly string[]> = {
  "this network": ["0.0.0.0", "0.255.255.255"],
  "private use": ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
  "shared address space": ["100.64.0.0", "100.127.255.255"],
  loopback: ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"],
  "link-local": ["169.254.0.0", "169.254.255.255", "fe80::", "fe80::1", "febf:ffff::1"],
  "protocol assignments": ["192.0.0.0", "192.0.0.255", "2001::1", "2001:1ff:ffff::1"],
  documentation: ["192.0.2.1", "198.51.100.255", "203.0.113.0", "2001:db8::1", "3fff::", "3fff:fff:ffff::1"],
  benchmarks: ["198.18.0.0", "198.19.255.255", "2001:2::1"],
  multicast: ["224.0.0.0", "239.255.255.255", "ff02::1", "ff0e::1"],
  "reserved, broadcast": ["240.0.0.0", "255.255.255.255"],
  unspecified: ["0.0.0.0", "::"],
  "unique local": ["fc00::", "fd00::1", "fdff:ffff::1"],
  "site-local, deprecated": ["fec0::1"],
  "discard only": ["100::1"],
  "segment routing": ["5f00::1"],
  "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1"],
  "IPv4-compatible": ["::127.0.0.1", "::8.8.8.8"],
  "6to4, and its relays": ["2002:7f00:1::", "2002:0a00:0001::1", "2002:0808:0808::1", "192.88.99.1"],
  Teredo: ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
  "private behind NAT64": ["64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254"],
  "locally used NAT64": ["64:ff9b:1::a00:1", "64:ff9b:1::808:808"],
  "metadata of clouds": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"],
};

/** Right outside, and some that many use. */
const REACHED = [
  ...["1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
  ...["128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"],
  ...["192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255"],
  ...["198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255"],
  ...["2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1", "::ffff:8.8.8.8"],
  "64:ff9b::8.8.8.8",
];

describe("with the settings as they come", () => {
  for (const [what, addresses] of Object.entries(REFUSED)) {
    it(`nothing goes to: ${what}`, () => {
      expect(addresses.filter((text) => reaches(PUBLIC_ONLY, text))).toEqual([]);
    });
  }

  it("public addresses are reached", () => {
    expect(REACHED.filter((text) => !reaches(PUBLIC_ONLY, text))).toEqual([]);
  });
});

describe("a range that the settings allow", () => {
  it("is reached, and nothing beside it", () => {
    const targets = targetsOf("10.1.0.0/16", "fd00:1::/32");
    for (const text of ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::1", "8.8.8.8"]) {
      expect(reaches(targets, text), text).toBe(true);
    }
    for (const text of ["10.0.255.255", "10.2.0.0", "127.0.0.1", "fd00:2::1", "::10.1.2.3", "2002:0a01:0203::"]) {
      expect(reaches(targets, text), text).toBe(false);
    }
  });
});
