import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import { Apogee } from "../../client/apogee.ts";
import type { ServedBroker } from "../../functions/http/node/serve-broker.ts";
import { startTestServer } from "../support/http/test-server.ts";

const FOLDER = resolve(".tmp/snippets");
const NOT_RUN = /<!-- not run: .* -->\n$/;
/** What the examples leave to the reader's own program. */
const PRELUDE = "const saveTransfer = async (_) => {}; const isSaved = async (_) => true;";

interface Snippet {
  readonly name: string;
  readonly code: string;
}

function snippetsOf(file: string): readonly Snippet[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].flatMap((match, index) => {
    if (NOT_RUN.test(text.slice(0, match.index))) return [];
    return [{ name: `${file}, example ${index + 1}`, code: match[1] ?? "" }];
  });
}

/** A module of the snippet, in which the packages are this repository's sources. */
async function moduleOf({ code }: Snippet, index: number, url: string): Promise<string> {
  const client = /new Apogee\(/.test(code)
    ? ""
    : `import { Apogee as ClientOfExamples } from "@apogee/client";\nconst apogee = new ClientOfExamples();\n`;
  const outfile = join(FOLDER, `${index}.mjs`);
  await build({
    stdin: {
      // An export makes it a module.
      contents: `${client}${PRELUDE}\n${code.replaceAll("http://localhost:8080", url)}\nexport const isModule = true;`,
      loader: "ts",
      resolveDir: resolve("."),
    },
    alias: { "@apogee/client/testing": resolve("client/testing.ts"), "@apogee/client": resolve("client/index.ts") },
    packages: "external",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outfile,
    logLevel: "error",
  });
  return `${pathToFileURL(outfile)}`;
}

const snippets = ["client/README.md", "docs/client.md"].flatMap(snippetsOf);

let server: ServedBroker;
let apogee: Apogee;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  server = await startTestServer({ items: new MemoryItemStore(), objects: new MemoryObjectStore() });
  apogee = new Apogee({ endpoint: server.url });
  process.env.APOGEE_ENDPOINT = server.url;
  await apogee.topic("orders").put({ queues: 2 });
  await apogee.topic("reminders").put({ type: "DELAY" });
  await apogee.topic("transfers").put({ type: "TRANSACTION" });
  await apogee.group("billing").put();
  await apogee.group("billing").subscribe("orders", { startFrom: "earliest" });
});

afterAll(async () => {
  delete process.env.APOGEE_ENDPOINT;
  await server.stop(5_000);
  rmSync(FOLDER, { recursive: true, force: true });
});

describe("examples of the client's documents", () => {
  test.each(snippets.map((snippet, index) => ({ ...snippet, index })))("$name", async (snippet) => {
    await apogee.topic("orders").send({ id: 0 }, { properties: { region: "EU" } });
    const file = await moduleOf(snippet, snippet.index, server.url);
    let isOver = false;
    const run = import(file).finally(() => {
      isOver = true;
    });
    // Workers go on until their process is told to end.
    while (!isOver) {
      await Promise.race([run, new Promise((wake) => setTimeout(wake, 200))]);
      process.emit("SIGTERM");
    }
    await expect(run).resolves.toBeDefined();
  });
});
