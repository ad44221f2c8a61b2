import { expect, it } from "vitest";
import { readTable } from "../../../functions/runtime/settings.ts";
import { WEBHOOK_SETTINGS, webhookTargetsOf } from "../../../functions/runtime/webhook-settings.ts";

const targetsIn = (environment: Record<string, string>) => webhookTargetsOf(readTable(WEBHOOK_SETTINGS, environment));

it("webhooks go over HTTPS to public addresses where nothing is set", () => {
  expect(targetsIn({})).toEqual({ allowHttp: false, allowedRanges: [] });
});

it("ranges and plain HTTP are allowed by name", () => {
  const targets = targetsIn({ WEBHOOK_ALLOW_PRIVATE: "10.0.0.0/8, 127.0.0.1,fd00::/8", WEBHOOK_ALLOW_HTTP: "true" });
  expect(targets.allowHttp).toBe(true);
  expect(targets.allowedRanges).toHaveLength(3);
});

it.each(["10.0.0", "10.0.0.1/8", "10.0.0.0/33", "all", "10.0.0.0/8,", "localhost/8", "10.0.0.0/8 127.0.0.1/32"])(
  "the ranges '%s' are refused in one line that names the variable",
  (text) => {
    expect(() => targetsIn({ WEBHOOK_ALLOW_PRIVATE: text })).toThrow(
      /^WEBHOOK_ALLOW_PRIVATE must be addresses or ranges.*, but is ".*"\.$/,
    );
  },
);

it("plain HTTP is allowed by `true` alone", () => {
  expect(() => targetsIn({ WEBHOOK_ALLOW_HTTP: "yes" })).toThrow(
    /^WEBHOOK_ALLOW_HTTP must be one of true, false, but is "yes"\.$/,
  );
});

it("each setting describes itself", () => {
  for (const row of Object.values(WEBHOOK_SETTINGS)) expect(row.description).toMatch(/^[^|]+\.$/);
});
