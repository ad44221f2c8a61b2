import { expect, it } from "vitest";
import { isRedacted, redactedUrl } from "../../../core/webhooks/redacted-url.ts";

it.each([
  ["https://example.com/checks", "https://example.com/checks"],
  ["https://example.com/checks?", "https://example.com/checks?"],
  ["https://example.com/checks?token=abc", "https://example.com/checks?token=REDACTED"],
  ["https://example.com/?a=1&b=&sig=x=y==&abc", "https://example.com/?a=REDACTED&b=REDACTED&sig=REDACTED&REDACTED"],
  ["https://example.com/?a=1&&b=2?c=3", "https://example.com/?a=REDACTED&&b=REDACTED"],
])("%s is shown as %s", (url, shown) => {
  expect(redactedUrl(url)).toBe(shown);
});

it("what was shown is known again, and nothing else", () => {
  for (const url of ["https://e.com/?a=REDACTED", "https://e.com/?a=1&REDACTED", "https://e.com/?a=REDACTED&b=2"])
    expect(isRedacted(url), url).toBe(true);
  for (const url of ["https://e.com/REDACTED", "https://e.com/?", "https://e.com/?a=redacted", "https://e.com/?REDACTED=1"])
    expect(isRedacted(url), url).toBe(false);
});
