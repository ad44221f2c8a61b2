import { describe, expect, it } from "vitest";
import { BrokerError } from "../../../core/errors.ts";
import { checkWebhookUrl, parseWebhookUrl } from "../../../core/webhooks/webhook-url.ts";
import { httpTargetsOf, targetsOf } from "./targets.ts";

const PUBLIC_ONLY = targetsOf();
const reasonOf = (text: string, targets = PUBLIC_ONLY) => {
  const parsed = parseWebhookUrl(text, targets);
  return parsed.ok ? undefined : parsed.reason;
};

it.each([
  "https://example.com",
  "https://example.com/",
  "HTTPS://Example.COM/a/b?x=1&at=@",
  "https://example.com/@user",
  "https://example.com?token=abc",
  "https://example.com:8443/checks",
  "https://xn--mnchen-3ya.example/",
  "https://8.8.8.8/",
  "https://[2606:4700::1111]/",
  "https://localhost.example.com/",
  "https://10.0.0.1.example.com/",
  `https://example.com/${"x".repeat(2_048 - "https://example.com/".length)}`,
])("%s is taken", (text) => {
  expect(parseWebhookUrl(text, PUBLIC_ONLY)).toMatchObject({ ok: true });
});

it.each([
  ["", "absolute URL"],
  ["example.com/checks", "absolute URL"],
  ["//example.com/", "absolute URL"],
  ["https:example.com", "absolute URL"],
  ["https:/example.com", "absolute URL"],
  ["https:///example.com", "absolute URL"],
  ["https://", "absolute URL"],
  ["ftp://example.com/", "absolute URL"],
  ["file:///etc/passwd", "absolute URL"],
  ["javascript://example.com/%0aalert(1)", "absolute URL"],
  [" https://example.com/", "printable ASCII"],
  ["https://example.com/\n", "printable ASCII"],
  ["https://exam\tple.com/", "printable ASCII"],
  ["https://example.com/a b", "printable ASCII"],
  ["https://example.com/\0", "printable ASCII"],
  ["https://münchen.example/", "printable ASCII"],
  ["https://１２７.0.0.1/", "printable ASCII"],
  ["https://example.com\\@127.0.0.1/", "backslash"],
  ["https://example.com/\\", "backslash"],
  ["https://user:password@example.com/", "user name or password"],
  ["https://user@example.com/", "user name or password"],
  ["https://@example.com/", "user name or password"],
  ["https://:@example.com", "user name or password"],
  ["https://example.com@127.0.0.1?x", "user name or password"],
  ["https://example.com/#part", "fragment"],
  ["https://example.com/#", "fragment"],
  ["https://example.com./", "dot at its end"],
  ["https://localhost./", "dot at its end"],
  ["https://example.com:65536/", "cannot be read"],
  ["https://example.com:http/", "cannot be read"],
  ["https://exa%00mple.com/", "cannot be read"],
  ["https://1.2.3.256/", "cannot be read"],
  ["https://1.2.3.4.5/", "cannot be read"],
  ["https://[fe80::1%25eth0]/", "cannot be read"],
  ["https://[fe80::1%eth0]/", "cannot be read"],
  ["https://[::1/", "cannot be read"],
  ["https://?x", "cannot be read"],
  ["http://example.com/", "Use https"],
  [`https://example.com/${"x".repeat(2_049 - "https://example.com/".length)}`, "2048 characters"],
])("'%s' is refused: %s", (text, why) => {
  const parsed = parseWebhookUrl(text, PUBLIC_ONLY);
  expect(parsed).toMatchObject({ ok: false, reason: "refused-url", detail: expect.stringContaining(why) });
});

/** Each of these is an address that webhooks may not reach, to whatever connects. */
const ODD_SPELLINGS = [
  "127.0.0.1",
  "127.0.0.1.",
  "127.1",
  "127.0.1",
  "2130706433",
  "0x7f000001",
  "0x7f.0.0.1",
  "0X7F.1",
  "0177.0.0.1",
  "017700000001",
  "00000177.0x0.0.1",
  "0",
  "0x0",
  "3232235777",
  "0300.0250.1.1",
  "%31%32%37.0.0.1",
  "127%2e0%2E0%2e1",
  "127%E3%80%820.0.1",
  "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1",
  "%e2%91%a0%e2%91%a1%e2%91%a6.0.0.1",
  "169.254.169.254",
  "0xa9fea9fe",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[0:0:0:0:0:ffff:7f00:0001]",
  "[::127.0.0.1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b:1::a00:1]",
  "[2002:7f00:1::]",
  "[fe80::1]",
  "[FD00:EC2::254]",
  "localhost",
  "LOCALHOST",
  "%6cocalhost",
  "api.localhost",
];

describe("a host that is an address webhooks may not reach", () => {
  it.each(ODD_SPELLINGS)("is refused as %s", (host) => {
    expect(reasonOf(`https://${host}/`)).toBe("refused-address");
    expect(reasonOf(`https://${host}:8443/x?y`)).toBe("refused-address");
    expect(reasonOf(`http://${host}`, httpTargetsOf())).toBe("refused-address");
  });

  it("is taken where the settings allow it, in any spelling", () => {
    const targets = targetsOf("127.0.0.0/8");
    for (const host of ["127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "localhost", "api.localhost"]) {
      expect(reasonOf(`https://${host}/`, targets), host).toBeUndefined();
    }
    expect(reasonOf("https://localhost/", targetsOf("::1/128"))).toBeUndefined();
    expect(reasonOf("https://[::1]/", targets)).toBe("refused-address");
    expect(reasonOf("https://10.0.0.1/", targets)).toBe("refused-address");
  });
});

it("plain HTTP is taken where the settings allow it", () => {
  expect(reasonOf("http://example.com/", httpTargetsOf())).toBeUndefined();
});

it("a caller is told which field is wrong, and how to mend it", () => {
  const check = (url: string) => () => checkWebhookUrl("/checkUrl", url, PUBLIC_ONLY);
  expect(check("https://example.com/")).not.toThrow();
  let refusal: unknown;
  try {
    check("http://example.com/")();
  } catch (error) {
    refusal = error;
  }
  const detail = "Use https: webhooks go over plain HTTP only where the server was started with WEBHOOK_ALLOW_HTTP=true.";
  expect(BrokerError.is(refusal) && refusal).toMatchObject({ code: "BAD_REQUEST", errors: [{ field: "/checkUrl", detail }] });
});
