import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const KB = 1_000;
const FUNCTION_GZIP_BYTES_MAX = 450 * KB;
const IMPORTS = 3;

let folder: string;

beforeAll(() => {
  // Away from the sources: what a bundle leaves out is not to be found beside it.
  folder = mkdtempSync(join(tmpdir(), "apogee-bundles-"));
  execFileSync(process.execPath, ["--import", "tsx", "build.ts", folder], { stdio: ["ignore", "ignore", "inherit"] });
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

/** The source of a bundle's entry and of every chunk that is read when it starts. */
function startedWith(file: string): string {
  const sources = new Map<string, string>();
  const visit = (path: string) => {
    if (sources.has(path)) return;
    const source = readFileSync(join(folder, path), "utf8");
    sources.set(path, source);
    for (const [, next = ""] of source.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) visit(join(path, "..", next));
  };
  visit(file);
  return [...sources.values()].join("\n");
}

describe.each(["api", "maintenance"])("the function %s", (name) => {
  it(`is at most ${FUNCTION_GZIP_BYTES_MAX / KB} KB, packed`, () => {
    const files = readdirSync(join(folder, name), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".mjs"));
    const bytes = files.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, name, path)), { level: 9 }).length, 0);
    console.log(`dist/${name}: ${Math.round(bytes / KB)} KB packed, ${files.length} files`);
    expect(bytes).toBeLessThanOrEqual(FUNCTION_GZIP_BYTES_MAX);
  });

  it("has all it needs in its folder, and exports its handler", () => {
    const runs = Array.from({ length: IMPORTS }, () => importAlone(join(folder, name, "index.mjs")));
    console.log(`dist/${name}: imported in ${Math.round(Math.min(...runs.map(({ ms }) => ms)))} ms`);
    expect(runs[0]?.names).toEqual(["handler"]);
  });
});

describe("the server", () => {
  it("reads the library of a store when that store is opened, not before", () => {
    const source = startedWith("local.mjs");
    expect(source).toContain("createServer");
    expect(source).not.toMatch(/classic-level|DynamoDBClient|S3Client/);
  });
});
