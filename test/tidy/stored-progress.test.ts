import { basename, dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

/** Attributes of a progress item. Those of its claims are a letter and the claim's id. */
const ATTRIBUTES = "(?:g|n|nb|r|rd|dl|ex|ur|k|oc|bk|ov)";
/** The files that know them. */
const CODECS: ReadonlySet<string> = new Set(["progress.ts", "progress-change.ts", "deferred.ts"]);

const WAYS: Readonly<Record<string, { readonly pattern: RegExp; readonly examples: readonly string[] }>> = {
  "a condition or a change by hand": {
    pattern: /\bop:\s*["'`](?!(?:exists|absent)",\s*name:\s*"pk")/,
    examples: ['{ op: "=", name: "g", value: 1 }', "{ op: 'remove', name: what }"],
  },
  "the name of a claim's attribute": {
    pattern: /["'`][fmo]\$\{|["'`][fmo]["'`]\s*\+/,
    examples: ["after[`m\u0024{id}`]", 'after["o" + id]'],
  },
  "an attribute as a property": {
    pattern: new RegExp(`\\.${ATTRIBUTES}\\b(?!\\s*\\()`),
    examples: ["item.r === 0", "current?.ov"],
  },
  "an attribute in brackets": {
    pattern: new RegExp(`\\[\\s*["'\`]${ATTRIBUTES}["'\`]\\s*\\]|\\bstored(?:\\?\\.)?\\[`),
    examples: ['item["ex"]', "progress.stored[name]"],
  },
  "an attribute by its own name": {
    pattern: new RegExp(`(?:^|[{,])\\s*(?:readonly )?${ATTRIBUTES}\\s*(?:[,:}]|=[^=>])`),
    examples: ["const { k } = item", "{ ...key, dl: 0 }", "  nb: hint,"],
  },
};
const CLEAN = ['{ op: "absent", name: "pk" }', "progress.next", "items.get(key)", "(n) => n + 1", "run.next(1)"];

const waysIn = (line: string): string[] => Object.keys(WAYS).filter((way) => WAYS[way]?.pattern.test(line));

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, "")).replace(/(^|\s)\/\/.*$/gm, "$1");

/** Files of core that lie beside these, or can come by a progress item through them or by its key. */
function filesNear(core: readonly string[]): readonly string[] {
  const folders = new Set(core.filter((path) => CODECS.has(basename(path))).map(dirname));
  return core.filter((path) => {
    if (CODECS.has(basename(path))) return false;
    return (
      folders.has(dirname(path)) || /\/(progress[a-z-]*|deferred|consumption|held|taken)\.ts"|\bprogressKey\b/.test(read(path))
    );
  });
}

describe("how a progress item is stored", () => {
  const core = sourceFiles.filter((path) => /^core\/.*\.ts$/.test(path) && !path.startsWith("core/ports/"));

  it.each(Object.entries(WAYS))("is told by %s", (way, { examples }) => {
    for (const example of examples) expect(waysIn(example), example).toContain(way);
    for (const clean of CLEAN) expect(waysIn(clean), clean).toEqual([]);
  });

  it("is known to its own files alone", () => {
    const near = filesNear(core);
    expect(core.filter((path) => CODECS.has(basename(path)))).toHaveLength(CODECS.size);
    expect(near.length).toBeGreaterThan(20);
    const found = near.flatMap((path) =>
      withoutComments(read(path))
        .split("\n")
        .flatMap((line, index) => waysIn(line).map((way) => `${path}:${index + 1}: ${way}: ${line.trim()}`)),
    );
    expect(found).toEqual([]);
  });
});
