import { expect, it } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

/** Words that say what a thing is in any program, and the words of languages and formats that core reads. */
const PLAIN_WORDS = `request result options settings dependencies registry reader writer page report outcome kind error clock cache state order name
  type list reason input entry key number text token literal expression comparator comparison search value version property truth
  nullable attribute between match gauge event failure reply url address range random signer compressor objects store memory policy
  purpose mode query work call target job plan holder head content bounds span guard code misuse corrupt unavailable admin broker log
  object choice selection slot sleeper waiter walk flow turn pace route update view delay deletion pause outline webhook tag taker
  mutex allocate taken found now woken on from over out before meta unnameable`;

const singular = (word: string): string =>
  word
    .replace(/ies$/, "y")
    .replace(/(?<=x|ss|ch)es$/, "")
    .replace(/(?<![su])s$/, "");

const PLAIN = new Set(PLAIN_WORDS.split(/\s+/).map(singular));
/** What is done, or was: no noun. */
const isVerb = (word: string): boolean => /(?:ing|ed)$/.test(word);

const glossary = read("core/terms.ts").split("*/")[0] ?? "";
const explained = new Set((glossary.toLowerCase().match(/[a-z]+/g) ?? []).map(singular));

it("explains, at the top of core/terms.ts, every noun that core has an exported type for", () => {
  const unexplained: string[] = [];
  for (const path of sourceFiles.filter((file) => file.startsWith("core/") && file.endsWith(".ts")))
    for (const [, name = ""] of read(path).matchAll(/^export (?:interface|type|class) ([A-Z]\w*)/gm)) {
      const [noun = ""] = name.match(/[A-Z][a-z]+$/) ?? [];
      const word = singular(noun.toLowerCase());
      if (!isVerb(word) && !PLAIN.has(word) && !explained.has(word)) unexplained.push(`${path}: ${name}`);
    }
  expect(unexplained).toEqual([]);
});
