import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonError } from "../../../functions/http/json-error.ts";
import { parseJson } from "../../../functions/http/json-text.ts";

const parse = (text: string): unknown => parseJson(Buffer.from(text));

/** What a text with one character changed is to JSON.parse. */
const accepts = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe("parseJson", () => {
  it("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.constantFrom(undefined, 2), (json, indent) => {
        const value: unknown = JSON.parse(json);
        expect(parse(JSON.stringify(value, null, indent))).toEqual(value);
      }),
    );
  });

  it("finds a key that occurs twice, however it is written", () => {
    for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":{"a":{},"a":[]}}]', '{"__proto__":1,"__proto__":2}']) {
      expect(() => parse(text), text).toThrow("twice");
    }
    expect(parse('{"a":{"a":{"b":":"}},"b":"{\\"a\\":1}"}')).toEqual({ a: { a: { b: ":" } }, b: '{"a":1}' });
  });

  it("counts fields and elements outside strings, and refuses more than it reads in a few milliseconds", () => {
    const fields = (count: number) => `{${Array.from({ length: count }, (_, n) => `"${n}":",:"`).join(",")}}`;
    expect(Object.keys(parse(fields(20_000)) as object)).toHaveLength(20_000);
    expect(() => parse(fields(20_001))).toThrow("20000 fields");
    const elements = (count: number) => `[${Array.from({ length: count }, () => "[]").join(",")}]`;
    expect(parse(elements(50_001))).toHaveLength(50_001);
    expect(() => parse(elements(50_002))).toThrow("50000 elements");
  });

  it("counts nesting outside strings alone", () => {
    expect(parse(`["${"[".repeat(100)}", "\\"${"{".repeat(100)}"]`)).toHaveLength(2);
    expect(() => parse("[".repeat(21) + "]".repeat(21))).toThrow("20 levels");
    expect(parse("[".repeat(20) + "]".repeat(20))).toEqual(expect.any(Array));
    expect(parse(`[${"[],".repeat(1_000)}[]]`)).toHaveLength(1_001);
  });

  it("refuses half a surrogate pair that came as an escape", () => {
    for (const text of ['"\\ud800"', '{"\\udfff":1}', '[["a\\ud83dx"]]']) expect(() => parse(text), text).toThrow("surrogate");
    expect(parse('"\\ud83d\\ude00"')).toBe("😀");
  });

  it("takes time proportional to what it is sent", () => {
    const size = 1 << 20;
    const hostile = [
      '"\\"'.repeat(size),
      `"${"\\".repeat(size)}`,
      `"${"\\\\".repeat(size)}"`,
      " ".repeat(size),
      "1".repeat(size),
      `"${"x".repeat(size)}`,
    ];
    for (const text of hostile) {
      const startedAt = performance.now();
      try {
        parse(text);
      } catch {
        // Refused, and quickly: that is all this looks at.
      }
      expect(performance.now() - startedAt, text.slice(0, 10)).toBeLessThan(2_000);
    }
  });
});

describe("findJsonError", () => {
  it("objects exactly to what JSON.parse objects to", () => {
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", '"', "{", "]", ",", ":", "\\", "0", "e", "\n", "x"))
      .map(([json, at, character]) => {
        const position = at % (json.length + 1);
        return json.slice(0, position) + character + json.slice(position + 1);
      });
    fc.assert(
      fc.property(mutated, (text) => {
        const { position } = findJsonError(text);
        // It runs after a failure; on a correct text it finds nothing but the end.
        if (accepts(text)) expect(position).toBe(text.length);
        else {
          expect(position).toBeGreaterThanOrEqual(0);
          expect(position).toBeLessThanOrEqual(text.length);
          // Nothing that goes on like this is JSON, unless the text just stops too early.
          expect(accepts(text.slice(0, position)) && position === text.length).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("says what could have stood there", () => {
    expect(findJsonError('{"a" 1}')).toMatchObject({ position: 5, expected: '":"' });
    expect(findJsonError('{"a":1 "b":2}')).toMatchObject({ position: 7, expected: '"," or "}"' });
    expect(findJsonError("[1,]")).toMatchObject({ position: 3, expected: "a value" });
    expect(findJsonError("{,}")).toMatchObject({ position: 1, expected: "a field name in double quotes" });
    expect(findJsonError("[] []")).toMatchObject({ position: 3, expected: "the end of the document" });
  });
});
