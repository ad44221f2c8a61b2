import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeWebhookSecret, encodeWebhookSecret } from "../../../core/webhooks/webhook-secret.ts";

it("is whsec_ and the base64 of its bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 64 }), (bytes) => {
      const text = encodeWebhookSecret(bytes);
      expect(text).toBe(`whsec_${Buffer.from(bytes).toString("base64")}`);
      expect(decodeWebhookSecret("/secret", text)).toEqual(bytes);
    }),
  );
});

it.each([
  ["nothing", ""],
  ["no prefix", Buffer.alloc(32).toString("base64")],
  ["the prefix alone", "whsec_"],
  ["the prefix of another key", `whsk_${Buffer.alloc(32).toString("base64")}`],
  ["23 bytes", `whsec_${Buffer.alloc(23).toString("base64")}`],
  ["65 bytes", `whsec_${Buffer.alloc(65).toString("base64")}`],
  ["base64url", `whsec_${Buffer.alloc(30, 0xff).toString("base64url")}`],
  ["no padding", `whsec_${Buffer.alloc(25).toString("base64").replaceAll("=", "")}`],
  ["too much padding", `whsec_${Buffer.alloc(24).toString("base64")}=`],
  ["stray bits", `whsec_${Buffer.alloc(25).toString("base64").replace("A==", "B==")}`],
  ["a line end", `whsec_${Buffer.alloc(24).toString("base64")}\n`],
])("is refused without being repeated: %s", (_what, text) => {
  const refusal = /^\/secret: A secret is whsec_ and base64 of 24 to 64 random bytes\.$/;
  expect(() => decodeWebhookSecret("/secret", text)).toThrow(
    expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringMatching(refusal) }),
  );
});
