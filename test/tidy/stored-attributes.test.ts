import { describe, expect, it } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

/** The files that know by which attributes something is stored, by their folder in core. */
const CODECS = Object.entries({
  assignment: ["generation", "member-codec"],
  "dead-letter": ["redrive-job", "tombstone"],
  deletions: ["departure"],
  group: ["group-codec", "subscription-codec"],
  idempotency: ["known-request"],
  "key-index": ["key-file", "key-merge"],
  offsets: ["client-offsets"],
  log: ["anchor", "block", "block-update"],
  produce: ["known-send", "producer-state"],
  progress: ["backlog", "deferred", "moved-out-claim", "progress", "progress-change", "unreadable-message"],
  roller: ["roll-hint", "roll-sweep"],
  segments: ["index-item"],
  store: ["open-store", "quotas", "store-format", "uid-items"],
  timer: ["parked-timers", "recall", "shard-leases", "timer", "timer-shards"],
  topic: ["topic-codec", "topics-by-hash"],
  transaction: ["endpoint-states", "half-message", "producer-group-codec", "waiting-check"],
}).flatMap(([folder, names]) => names.map((name) => `core/${folder}/${name}.ts`));

/** Attributes are of one or two letters, with a number behind where there are several, but for two. The words are no attributes. */
const ATTRIBUTE = "(?!(?:pk|sk|id|ok|op|as|at|by|go|to|ts)\\b)(?:[a-z]{1,2}\\d?|cap|lim)\\b";

const WAYS: Readonly<Record<string, { readonly pattern: RegExp; readonly examples: readonly string[] }>> = {
  "a condition or a change by hand": {
    pattern: /\bop:(?!\s*["'`](?:exists|absent)["'`](?: as const)?,\s*name:\s*["'`]pk["'`])/,
    examples: ['{ op: "=", name: "g", value: 1 }', "{ op: 'remove', name: what }", '{ op: "absent", name: "cap" }'],
  },
  "the beginning of an attribute's name": {
    pattern: /["'`][a-z]\$\{|["'`][a-z]["'`]\s*\+/,
    examples: ["after[`m\u0024{id}`]", 'after["o" + id]'],
  },
  "an attribute as a property": {
    pattern: new RegExp(`(?<!\\.)\\.${ATTRIBUTE}(?!\\s*\\()`),
    examples: ["item.r === 0", "current?.ov", "topics[at]?.u", "anchor.cap", "item.t0"],
  },
  "an attribute in brackets": {
    pattern: new RegExp(`\\[\\s*["'\`]${ATTRIBUTE}["'\`]\\s*\\]|\\.stored(?:\\?\\.)?\\[`),
    examples: ['item["ex"]', 'block["lim"]', "progress.stored[name]"],
  },
  "an attribute by its own name": {
    pattern: new RegExp(`(?:^|[{,])\\s*(?:readonly )?${ATTRIBUTE}:(?!\\s*(?:number|string|[A-Z][a-z]))`),
    examples: ["{ ...key, dl: 0 }", "  nb: hint,", "const { k: deferred } = item"],
  },
  "an item taken apart": {
    pattern: new RegExp(
      `\\{(?:[^{}]*[{,])?\\s*${ATTRIBUTE}\\s*[,}][^{}=]*(?:=\\s*[\\w.]*\\b(?:item|stored|current)\\b|: Item\\b)`,
    ),
    examples: [
      "const { k } = item",
      "({ r, u }: Item) =>",
      "const { g, dl } = progress.stored",
      "const { sk, c } = result.current",
    ],
  },
  "an item taken for something else": {
    pattern: /\bas unknown as\b/,
    examples: ["item as unknown as BlockAttributes"],
  },
  "an item made of its key": {
    pattern: /\.\.\.(?:\w+\.)*(?:key\b|\w+Key\(|\w+_KEY\b)/,
    examples: ["{ ...key, o: encoded }", "...recallKey(id),", "{ ...FORMAT_KEY, v }"],
  },
};
const CLEAN = [
  '{ op: "absent", name: "pk" }',
  "progress.next",
  "items.get(key)",
  "(n) => n + 1",
  "run.next(1)",
  "topics.at(-1)",
  "last.sk",
  "{ ...at, messageId }",
  "(from: number, ms: number, b: Block)",
  "const { pk, sk } = item",
  "const { items, current } = result",
];

const waysIn = (line: string): string[] => Object.keys(WAYS).filter((way) => WAYS[way]?.pattern.test(line));

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, "")).replace(/(^|\s)\/\/.*$/gm, "$1");

const placesIn = (path: string): string[] =>
  withoutComments(read(path))
    .split("\n")
    .flatMap((line, index) => waysIn(line).map((way) => `${path}:${index + 1}: ${way}: ${line.trim()}`));

describe("how something is stored", () => {
  const core = sourceFiles.filter((path) => /^core\/.*\.ts$/.test(path) && !path.startsWith("core/ports/"));

  it.each(Object.entries(WAYS))("is told by %s", (way, { examples }) => {
    for (const example of examples) expect(waysIn(example), example).toContain(way);
    for (const clean of CLEAN) expect(waysIn(clean), clean).toEqual([]);
  });

  it.each(CODECS)("is known to %s", (path) => {
    expect(placesIn(path)).not.toEqual([]);
  });

  it("is known to nobody else", () => {
    const others = core.filter((path) => !CODECS.includes(path));
    expect(others.length).toBeGreaterThan(100);
    expect(others.flatMap(placesIn)).toEqual([]);
  });
});
