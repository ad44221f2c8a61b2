import { describe, expect, it } from "vitest";
import type { Block } from "../../../core/log/block.ts";
import { BLOCK_CACHE_BYTES } from "../../../core/log/log-limits.ts";
import { SpanCache } from "../../../core/log/span-cache.ts";

const block = (base: number, count: number, bytes = 100): Block => ({
  base,
  count,
  bytes,
  closingBytes: 0,
  expiresAtSeconds: 0,
  storedFromMs: 0,
  frames: [],
  writeIds: new Set(),
});

describe("the cache of blocks", () => {
  it("finds a block by any offset it holds, whatever order they came in", () => {
    const cache = new SpanCache<Block>(BLOCK_CACHE_BYTES, ({ bytes }) => bytes + 300);
    for (const base of [20, 0, 30, 10]) cache.keep("a", block(base, 10));
    cache.keep("b", block(0, 3));
    for (let offset = 0; offset < 40; offset++) expect(cache.at("a", offset)?.base).toBe(offset - (offset % 10));
    expect(cache.at("a", 40)).toBeUndefined();
    expect([2, 3].map((offset) => cache.at("b", offset)?.base)).toEqual([0, undefined]);
    expect(cache.at("c", 0)).toBeUndefined();
  });

  it("knows nothing of what lies between", () => {
    const cache = new SpanCache<Block>(BLOCK_CACHE_BYTES, ({ bytes }) => bytes + 300);
    cache.keep("a", block(0, 10));
    cache.keep("a", block(50, 10));
    expect([9, 10, 49, 50].map((offset) => cache.at("a", offset)?.base)).toEqual([0, undefined, undefined, 50]);
  });

  it("lets go of the one unused longest when it is full", () => {
    const cache = new SpanCache<Block>(BLOCK_CACHE_BYTES, ({ bytes }) => bytes + 300);
    const third = Math.floor(BLOCK_CACHE_BYTES / 3) - 1_000;
    for (const base of [0, 10, 20]) cache.keep("a", block(base, 10, third));
    cache.at("a", 5);
    cache.keep("a", block(30, 10, third));
    expect([5, 15, 25, 35].map((offset) => cache.at("a", offset)?.base)).toEqual([0, undefined, 20, 30]);
  });
});
