import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SampleName, samples } from "./golden-messages.ts";

const golden: Readonly<Record<string, string>> = JSON.parse(readFileSync(new URL("golden-bytes.json", import.meta.url), "utf8"));
const names = Object.keys(samples) as SampleName[];
const bytesOf = (name: SampleName): Buffer => Buffer.from(golden[name] ?? "", "hex");

interface ForeignCodec {
  deserializeBinary(bytes: Uint8Array): { serializeBinary(): Uint8Array };
}

/** What npm's client reads and writes these messages with. */
const foreign: Readonly<Record<string, ForeignCodec>> = createRequire(import.meta.url)(
  "rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js",
);

describe("the bytes of RocketMQ's messages", () => {
  it.each(names)("of %s are what they always were", (name) => {
    const { codec, value } = samples[name];
    expect(Buffer.from(codec.encode(value).finish()).toString("hex")).toBe(golden[name]);
    expect(codec.decode(bytesOf(name))).toEqual(value);
  });

  it("are written down of every message, and of no other", () => {
    expect(Object.keys(golden).sort()).toEqual([...names].sort());
  });

  it.each(names.filter((name) => samples[name].foreignName in foreign))("of %s are the same to npm's client", (name) => {
    const read = foreign[samples[name].foreignName]?.deserializeBinary(bytesOf(name));
    // It knows every field of them, for it writes them again.
    expect(samples[name].codec.decode(read?.serializeBinary() ?? Buffer.alloc(0))).toEqual(samples[name].value);
  });

  it.each(names)("of %s, changed or cut off anywhere, are read or refused, and nothing else", (name) => {
    const bytes = bytesOf(name);
    const { codec } = samples[name];
    const outcome = (mutated: Uint8Array): "read" | "refused" => {
      try {
        codec.decode(mutated);
        return "read";
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return "refused";
      }
    };
    for (let length = 0; length < bytes.length; length++) outcome(bytes.subarray(0, length));
    const change = fc.record({ at: fc.nat(Math.max(0, bytes.length - 1)), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const mutated = Buffer.from(bytes);
        for (const { at, byte } of changes) mutated[at] = byte;
        const startedAtMs = performance.now();
        outcome(mutated);
        expect(performance.now() - startedAtMs).toBeLessThan(2_000);
      }),
      { numRuns: 200 },
    );
  });

  it("that nest without end, or promise more than they hold, are refused", () => {
    const { codec } = samples.queryRouteRequest;
    for (const hex of ["0aff", "0affffffff0f", "0a05", "ff", "0b", "07", "0a0212ff"])
      expect(() => codec.decode(Buffer.from(hex, "hex")), hex).toThrow();
    // Groups inside groups, which older writers made: an unknown field, however deep.
    const deep = Buffer.alloc(100_000, 0x1b);
    expect(() => codec.decode(deep)).toThrow();
  });
});
