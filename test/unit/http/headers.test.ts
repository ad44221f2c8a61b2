import { describe, expect, it } from "vitest";
import { etagOf, parseIfMatch } from "../../../functions/http/etag.ts";
import { requestIdOf } from "../../../functions/http/request-id.ts";
import { readPublishHeaders } from "../../../functions/http/routes/publish-headers.ts";
import { decodeComponent, parseQuery, splitTarget } from "../../../functions/http/target.ts";
import { formatInstant, readInstant, readQueryInstant } from "../../../functions/http/times.ts";
import { createSystemRandom } from "../../../functions/runtime/random.ts";

describe("If-Match", () => {
  it("is a list of strong tags, or any", () => {
    expect(etagOf({ uid: "abc", version: 3 })).toBe('"abc-3"');
    expect(parseIfMatch(undefined)).toBeUndefined();
    expect(parseIfMatch("*")).toEqual({ etags: "*" });
    expect(parseIfMatch('"abc-3"')).toEqual({ etags: ["abc-3"] });
    expect(parseIfMatch(' "a" , "b,c" ')).toEqual({ etags: ["a", "b,c"] });
  });

  it("never matches a weak tag", () => {
    expect(parseIfMatch('W/"abc-3"')).toEqual({ etags: [] });
    expect(parseIfMatch('W/"a", "b"')).toEqual({ etags: ["b"] });
  });

  it("is refused when it is malformed", () => {
    for (const header of ["", "abc", '"abc', 'abc"', '"a" "b"', '"a",', "*, *", 'w/"a"']) {
      expect(() => parseIfMatch(header), header).toThrow("double quotes");
    }
  });
});

describe("the headers of a publish", () => {
  it("carry the metadata of the message", () => {
    const headers = { "content-type": "x", "x-mq-tag": "t", "x-mq-keys": "a, b", "x-mq-group": "g", "x-mq-property-src": "web" };
    expect(readPublishHeaders(Object.entries(headers))).toEqual({
      tag: "t",
      keys: ["a", "b"],
      messageGroup: "g",
      properties: new Map([["src", "web"]]),
    });
    expect(readPublishHeaders([])).toEqual({ tag: undefined, keys: undefined, messageGroup: undefined });
  });

  it("are UTF-8 that HTTP handed over byte by byte", () => {
    const value = Buffer.from("日本").toString("latin1");
    expect(readPublishHeaders([["x-mq-tag", value]]).tag).toBe("日本");
    expect(() => readPublishHeaders([["x-mq-tag", "\u00ff"]])).toThrow("UTF-8");
  });

  it("are refused when unknown, over-long or not built", () => {
    for (const name of ["x-mq-colour", "x-mq-"]) {
      expect(() => readPublishHeaders([[name, "x"]]), name).toThrow(name);
    }
    expect(() => readPublishHeaders([["x-mq-tags", "x"]])).toThrow("Did you mean 'x-mq-tag'?");
    expect(() => readPublishHeaders([["x-mq-properties", "x"]])).toThrow("Did you mean 'x-mq-property-{name}'?");
    expect(() => readPublishHeaders([["x-mq-tag", "x".repeat(16 * 1_024 + 1)]])).toThrow("16384");
    expect(() => readPublishHeaders([["x-mq-keys", "k,".repeat(129)]])).toThrow("128 keys");
    for (const value of ["soon", "-1", "1e3", "1.2345"]) {
      expect(() => readPublishHeaders([["x-mq-delay", value]]), value).toThrow("x-mq-delay");
    }
    expect(() => readPublishHeaders([["x-mq-deliver-at", "soon"]])).toThrow("deliverAt");
    expect(() => readPublishHeaders([["ce-id", "1"]])).toThrow("not available yet");
  });
});

describe("request ids", () => {
  const random = createSystemRandom();

  it("are the client's own where they are plain", () => {
    expect(requestIdOf("a.B_9-z", random)).toBe("a.B_9-z");
    for (const header of [undefined, "", "a b", "a\nb", "x".repeat(65), "ü"]) {
      expect(requestIdOf(header, random)).toMatch(/^[A-Za-z0-9_-]{16}$/);
    }
  });

  it("do not repeat", () => {
    expect(new Set(Array.from({ length: 5_000 }, () => requestIdOf(undefined, random))).size).toBe(5_000);
  });
});

describe("request targets", () => {
  it("are split and decoded", () => {
    expect(splitTarget("/a/b?c=d?e#f")).toEqual({ path: "/a/b", query: "c=d?e" });
    expect(splitTarget("/a")).toEqual({ path: "/a", query: "" });
    expect({ ...parseQuery("a=1&b=x+y%20z&c&&d=%26=") }).toEqual({ a: "1", b: "x y z", c: "", d: "&=" });
    expect(parseQuery("__proto__=1")).toHaveProperty(["__proto__"], "1");
    expect(decodeComponent("%25DLQ%25g")).toBe("%DLQ%g");
  });

  it("are refused when malformed, or when a parameter comes twice", () => {
    for (const query of ["a=%", "%zz=1", "a=%ff"]) expect(() => parseQuery(query), query).toThrow("percent");
    expect(() => parseQuery("a=1&a=1")).toThrow("twice");
  });
});

describe("times", () => {
  const ms = Date.UTC(2026, 1, 28, 12, 30, 15, 250);

  it("are read as RFC 3339 or epoch milliseconds", () => {
    for (const text of ["2026-02-28T12:30:15.250Z", "2026-02-28t12:30:15.25z", "2026-02-28 13:30:15.250+01:00", String(ms)]) {
      expect(readInstant(text), text).toEqual({ ms });
    }
    expect(readInstant(ms)).toEqual({ ms });
    expect(formatInstant(ms)).toBe("2026-02-28T12:30:15.250Z");
    expect(readInstant("2024-02-29T00:00:00Z")).toEqual({ ms: Date.UTC(2024, 1, 29) });
  });

  it("are refused when they are none", () => {
    const wrong: (string | number)[] = [
      "",
      "now",
      "2026-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-01T24:00:01Z",
      "2026-01-01",
      "2026-01-01T00:00:00",
    ];
    wrong.push("2026-01-00T00:00:00Z", "-5", "1.5", "9".repeat(15), "1".repeat(16), "1e3");
    wrong.push("2026-02-28T13:30:15 01:00", -1, ms + 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60);
    for (const value of wrong) expect(readInstant(value), String(value)).toEqual({ problem: expect.stringMatching(/^Must be/) });
  });

  it("in epoch seconds are told from milliseconds; what is of 1970 is written as RFC 3339", () => {
    for (const seconds of [0, 1, 0.5, Math.floor(ms / 1_000), 99_999_999_999]) {
      expect(readInstant(seconds)).toEqual({ problem: expect.stringContaining("Looks like seconds") });
      if (Number.isInteger(seconds))
        expect(readInstant(String(seconds))).toEqual({ problem: expect.stringContaining("Looks like seconds") });
    }
    expect(readInstant(100_000_000_000)).toEqual({ ms: 100_000_000_000 });
    expect(readInstant("1970-01-01T00:00:01Z")).toEqual({ ms: 1_000 });
  });

  it("of a query may have a space where a plus sign was meant", () => {
    expect(readQueryInstant("2026-02-28T18:00:15.250 05:30")).toEqual({ ms });
    expect(readQueryInstant("2026-02-28 18:00:15.250 05:30")).toEqual({ ms });
    expect(readQueryInstant("2026-02-28T12:30:15.250Z")).toEqual({ ms });
    for (const text of ["2026-02-28 12:30", "2026-02-28T12:30:15  01:00", "2026-02-28T12:30:15Z 01:00"])
      expect(readQueryInstant(text), text).toHaveProperty("problem");
  });
});
