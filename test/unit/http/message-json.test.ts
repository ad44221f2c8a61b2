import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredMessage } from "../../../core/terms.ts";
import { decodeMessage, storedMessageJson } from "../../../functions/http/json/message-json.ts";
import { message } from "../../../functions/http/schemas/messages.ts";

const stored = (body: Uint8Array): StoredMessage => ({
  messageId: "id",
  queueId: 0,
  offset: 1,
  bornAtMs: 0,
  storedAtMs: 0,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body,
});

describe("message bodies", () => {
  it("come back as the bytes they were, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { body, bodyEncoding } = storedMessageJson(stored(bytes), "t");
        const decoded = decodeMessage(message.parse({ body, bodyEncoding }));
        expect([...decoded.body]).toEqual([...bytes]);
      }),
    );
  });

  it("come back as text when they are text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const { body } = decodeMessage(message.parse({ body: text }));
        expect(storedMessageJson(stored(body), "t")).toMatchObject({ body: text, bodyEncoding: "utf8" });
      }),
    );
  });

  it("are refused as base64 of another alphabet, length or padding", () => {
    for (const body of ["a", "ab=", "abc==", "abcd=", "ab=c", "a b=", "YQ-_", "====", "YWJj\n"]) {
      expect(() => decodeMessage(message.parse({ body, bodyEncoding: "base64" })), body).toThrow("base64");
    }
    for (const body of ["YQ==", "YQ", "YWI=", "YWI", "YWJj"]) {
      expect(decodeMessage(message.parse({ body, bodyEncoding: "base64" })).body.length, body).toBeGreaterThan(0);
    }
  });

  it("are refused as JSON when a number would change", () => {
    for (const body of [2 ** 53, [Number.POSITIVE_INFINITY], { a: { b: -(2 ** 60) } }]) {
      expect(() => decodeMessage({ body, bodyEncoding: "json" })).toThrow("would change");
    }
    expect(decodeMessage({ body: { a: 1.5 }, bodyEncoding: "json" }).body.toString()).toBe('{"a":1.5}');
  });
});

describe("properties", () => {
  it("are strings under any names, those that prototypes have too", () => {
    const decode = (json: string) => decodeMessage(message.parse(JSON.parse(json))).properties;
    expect(decode('{"body":"x","properties":{"toString":"a","b":"c"}}')).toEqual(
      new Map([
        ["toString", "a"],
        ["b", "c"],
      ]),
    );
    for (const key of ["__proto__", "constructor", "prototype"]) {
      expect(decode(`{"body":"x","properties":{"${key}":"v"}}`)).toEqual(new Map([[key, "v"]]));
    }
    expect(() => decode('{"body":"x","properties":{"a":null}}')).toThrow("/properties/a");
  });
});
