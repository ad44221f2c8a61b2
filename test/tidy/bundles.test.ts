import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const KB = 1_000;
/** What a cold start reads, and all that is deployed. */
const START_GZIP_BYTES_MAX = 475 * KB;
const FUNCTION_GZIP_BYTES_MAX = 510 * KB;
const IMPORTS = 3;

let folder: string;

beforeAll(() => {
  // Away from the sources: what a bundle leaves out is not to be found beside it.
  folder = mkdtempSync(join(tmpdir(), "apogee-bundles-"));
  execFileSync(process.execPath, ["build/build.mjs", folder], { stdio: ["ignore", "ignore", "inherit"] });
}, 30_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Milliseconds to import a module in a process of its own, and the names of its exports. */
function importAlone(file: string): { ms: number; names: string[] } {
  const script = `const startedAt = performance.now();
const names = Object.keys(await import(${JSON.stringify(file)}));
console.log(JSON.stringify({ ms: performance.now() - startedAt, names }));`;
  const environment = { PATH: process.env.PATH, LOG_LEVEL: "silent" };
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, env: environment });
  return JSON.parse(output.toString().trim().split("\n").at(-1) ?? "");
}

/** A bundle's entry and every chunk that is read when it starts, by path. */
function startedWith(file: string): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const visit = (path: string) => {
    if (sources.has(path)) return;
    const source = readFileSync(join(folder, path), "utf8");
    sources.set(path, source);
    for (const [, next = ""] of source.matchAll(/(?:from|import)\s*"(\.\.?\/[^"]+)"/g)) visit(join(path, "..", next));
  };
  visit(file);
  return sources;
}

const sourceStartedWith = (file: string): string => [...startedWith(file).values()].join("\n");

const packedBytes = (sources: Iterable<string>): number =>
  [...sources].reduce((sum, source) => sum + gzipSync(source, { level: 9 }).length, 0);

describe.each(["api", "maintenance", "scanner"])("the function %s", (name) => {
  it(`is small: a start reads at most ${START_GZIP_BYTES_MAX / KB} KB, packed`, () => {
    const files = readdirSync(join(folder, name), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".mjs"));
    const bytes = packedBytes(files.map((path) => readFileSync(join(folder, name, path), "utf8")));
    const startBytes = packedBytes(startedWith(join(name, "index.mjs")).values());
    console.log(`dist/${name}: ${Math.round(bytes / KB)} KB packed, ${Math.round(startBytes / KB)} KB of them read by a start`);
    expect(startBytes).toBeLessThanOrEqual(START_GZIP_BYTES_MAX);
    expect(bytes).toBeLessThanOrEqual(FUNCTION_GZIP_BYTES_MAX);
  });

  it("has all it needs in its folder, and exports its handler", () => {
    const runs = Array.from({ length: IMPORTS }, () => importAlone(join(folder, name, "index.mjs")));
    console.log(`dist/${name}: imported in ${Math.round(Math.min(...runs.map(({ ms }) => ms)))} ms`);
    expect(runs[0]?.names).toEqual(["handler"]);
  });
});

it("the API reads the client of its doorbell with the first ring, not before", () => {
  const invocation = /2015-03-31\/functions/;
  const chunks = readdirSync(join(folder, "api", "chunks")).map((path) =>
    readFileSync(join(folder, "api", "chunks", path), "utf8"),
  );
  expect(chunks.some((source) => invocation.test(source))).toBe(true);
  expect(sourceStartedWith("api/index.mjs")).not.toMatch(invocation);
});

it("the API has its documentation in its folder", () => {
  const files = readdirSync(join(folder, "api", "docs")).map((name) => name.replace(/-[\w-]{43}\./, "-DIGEST."));
  expect(files.sort()).toEqual(["openapi.json.gz", "renderer-DIGEST.js.gz", "renderer-licences.txt"]);
});

it("the start imports nothing before it has looked at Node.js", () => {
  expect(readFileSync(join(folder, "apogee.mjs"), "utf8")).not.toMatch(/^\s*(import\s|export\s.*from)/m);
});

describe("the server", () => {
  it("has no generator of its documentation", () => {
    for (const path of ["local.mjs", ...readdirSync(join(folder, "chunks")).map((name) => join("chunks", name))]) {
      if (path.endsWith(".mjs")) expect(readFileSync(join(folder, path), "utf8"), path).not.toContain("createOpenApiDocument");
    }
  });

  it("reads the library of a store when that store is opened, not before", () => {
    const source = sourceStartedWith("local.mjs");
    expect(source).toContain("createServer");
    expect(source).not.toMatch(/classic-level|DynamoDBClient|S3Client|colorette/);
  });

  /** Its lines up to the one that says where it listens. */
  async function startedLines(args: readonly string[]): Promise<string> {
    // Below the repository, where classic-level is found.
    mkdirSync(".tmp", { recursive: true });
    const bundle = mkdtempSync(join(".tmp", "bundle-"));
    try {
      cpSync(folder, bundle, { recursive: true });
      const command = [join(process.cwd(), bundle, "local.mjs"), "--port", "0", ...args];
      const server = spawn(process.execPath, command, { cwd: bundle, stdio: ["ignore", "pipe", "inherit"] });
      let out = "";
      for await (const chunk of server.stdout) {
        out += chunk;
        if (out.includes("listening")) server.kill();
      }
      return out;
    } finally {
      rmSync(bundle, { recursive: true });
    }
  }

  it("logs lines for people as the README shows them, and lines for programs where nobody sits", async () => {
    const [, shown = ""] = /^(\[\d\d:.*listening.*)$/m.exec(readFileSync("README.md", "utf8")) ?? [];
    const anyTime = (line: string) => line.replace(/^\[[\d:.]+\]/, "[…]").replace(/127\.0\.0\.1:\d+/, "127.0.0.1:…");
    const [pretty, piped] = await Promise.all([startedLines(["--log-format", "pretty"]), startedLines([])]);
    expect(anyTime(pretty.split("\n")[0] ?? "")).toBe(anyTime(shown));
    expect(JSON.parse(piped.split("\n")[0] ?? "")).toMatchObject({ msg: "listening", dataDirectory: "./data" });
  });
});
