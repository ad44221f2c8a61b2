import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FAMILIES } from "../../cli/families.ts";
import { runCli } from "./run-cli.ts";

/** Documented for a version that has them. Once it has, they are compared like the others. */
const MAY_BE_MISSING = ["consume", "tail", "read", "find", "bench"];
const AT_ONCE = 4;

const page = readFileSync("docs/cli.md", "utf8");
const families = FAMILIES.map(({ name }) => name);
const isCompared = (usage: string): boolean => {
  const family = usage.split(" ")[0] ?? "";
  return families.includes(family) || !MAY_BE_MISSING.includes(family);
};

/** Verbs with their arguments, such as `topic get <topic>`, and the options of each. */
type Verbs = ReadonlyMap<string, readonly string[]>;

/** What follows a heading such as `Options:` up to the next empty line. */
const sectionOf = (help: string, heading: string): string => new RegExp(`^${heading}:\n((?:.+\n)*)`, "m").exec(help)?.[1] ?? "";
/** The first words of the entries of a section: lines that go on with an entry are indented further. */
const entriesOf = (section: string): readonly string[] =>
  [...section.matchAll(/^ {2}(\S.*?)(?: {2,}.*)?$/gm)].map(([, entry = ""]) => entry);

async function helpOf(verb: string): Promise<string> {
  const { code, out } = await runCli([...verb.split(" "), "--help"]);
  if (code !== 0) throw new Error(`apogee ${verb} --help ended with ${code}`);
  return out;
}

/** The verbs below a first word. */
async function verbsFromHelp(verb: string): Promise<readonly (readonly [string, readonly string[]])[]> {
  const help = await helpOf(verb);
  const subverbs = entriesOf(sectionOf(help, "Commands")).map((entry) => entry.split(" ")[0] ?? "");
  if (subverbs.length > 0) return (await Promise.all(subverbs.map((sub) => verbsFromHelp(`${verb} ${sub}`)))).flat();
  const [, args = ""] = new RegExp(`^Usage: apogee ${verb} \\[options\\] ?(.*)$`, "m").exec(help) ?? [];
  const options = entriesOf(sectionOf(help, "Options")).flatMap((entry) => entry.match(/--[\w-]+/) ?? []);
  return [[`${verb} ${args}`.trim(), options.filter((option) => option !== "--help").sort()]];
}

async function builtVerbs(): Promise<Verbs> {
  const verbs: (readonly [string, readonly string[]])[] = [];
  for (let at = 0; at < families.length; at += AT_ONCE)
    verbs.push(...(await Promise.all(families.slice(at, at + AT_ONCE).map(verbsFromHelp))).flat());
  return new Map(verbs);
}

/** Of the tables whose first column is the verb. */
function documentedVerbs(): Verbs {
  const tables = [...page.matchAll(/^\| Verb \| Options \| \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)*)/gm)];
  const rows = tables.flatMap(([, body = ""]) => [...body.matchAll(/^\| `([^`]+)` \| (.*?) ?\| /gm)]);
  return new Map(rows.map(([, usage = "", options = ""]) => [usage, (options.match(/--[\w-]+/g) ?? []).sort()]));
}

/** Command lines of the examples, without what they are piped to or from. */
const exampleLines = (): readonly string[] =>
  [...page.matchAll(/```console\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => [...block.matchAll(/^\$ .*?\bapogee (.*)$/gm)])
    .map(([, line = ""]) => line);

test("docs/cli.md has the verbs, arguments and options of the help, and an example of each verb", {
  timeout: 120_000,
}, async () => {
  const built = await builtVerbs();
  const documented = new Map([...documentedVerbs()].filter(([usage]) => isCompared(usage)));
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(built));

  const lines = exampleLines();
  for (const [usage, options] of built) {
    const verb = usage.replace(/ ?[<[].*$/, "");
    const ofVerb = lines.filter((line) => line === verb || line.startsWith(`${verb} `));
    expect(ofVerb, `examples of ${verb}`).not.toEqual([]);
    const common = ["--endpoint", "--api-key", "--json", "--yes"];
    const own = ofVerb.flatMap((line) => line.split(" -- ")[0]?.match(/ --[\w-]+/g) ?? []).map((option) => option.trim());
    expect([...options, ...common], `options in examples of ${verb}`).toEqual(expect.arrayContaining(own));
  }
});

test("docs/cli.md says what the JSON of each verb is", async () => {
  const [, table = ""] = /^\| Verb \| A document \| Its fields \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)*)/m.exec(page) ?? [];
  const named = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, verbs = ""]) => verbs.match(/(?<=`)[a-z][^`]*(?=`)/g) ?? []);
  const verbs = [...documentedVerbs().keys()].map((usage) => usage.replace(/ ?[<[].*$/, ""));
  expect(verbs).toContain("bench");
  // `rm` stands for that of each family.
  expect(verbs.filter((verb) => !named.includes(verb) && !named.includes(verb.split(" ")[1] ?? ""))).toEqual([]);
});

test("docs/cli.md has the options that every verb has", async () => {
  const help = await helpOf("doctor");
  const common = entriesOf(sectionOf(help, "Global Options")).flatMap((entry) => entry.match(/--[\w-]+/) ?? []);
  const [, listed = ""] = /^Every verb has these options too: (.*)$/m.exec(page) ?? [];
  expect((listed.match(/--[\w-]+/g) ?? []).sort()).toEqual([...common.filter((one) => one !== "--version"), "--help"].sort());
});
