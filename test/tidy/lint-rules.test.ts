import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Files laid out like the repository, each with the rules that must report it: none means that it is clean. */
const fixtures: Record<string, { source: string; rules: readonly string[] }> = {};
const add = (path: string, source: string, ...rules: string[]): void => {
  fixtures[path] = { source: `${source}\n`, rules };
};
const imports = (from: string): string => `import { x } from "${from}";\n\nexport const y = x;`;
const IMPORTS = "noRestrictedImports";
const GLOBALS = "noRestrictedGlobals";

// core: its own relative paths and one pure library.
add(
  "core/log/clean.ts",
  'import { distance } from "fastest-levenshtein";\nimport { x } from "../terms.ts";\n\nexport const y = distance(x, "");',
);
add("core/log/clean-signal.ts", "export const aborted = (signal: AbortSignal): boolean => signal.aborted;");
for (const [name, from] of Object.entries({
  "node-module": "node:fs",
  "bare-node-module": "fs",
  hono: "hono",
  zod: "zod",
  sdk: "@aws-sdk/client-s3",
  adapter: "../../adapters/memory/item-store.ts",
  function: "../../functions/http/app.ts",
  test: "../../test/support/x.ts",
  absolute: "/etc/x.ts",
})) {
  const alsoProtocol = from === "fs" ? ["useNodejsImportProtocol"] : [];
  add(`core/log/import-${name}.ts`, imports(from), IMPORTS, ...alsoProtocol);
}
add("core/log/import-type.ts", 'import type { Hono } from "hono";\n\nexport type App = Hono;', IMPORTS);
add("core/log/import-dynamic.ts", 'export const load = () => import("zod");', IMPORTS);
add("core/log/re-export.ts", 'export { z } from "zod";', IMPORTS, "noBarrelFile");
add("core/log/barrel.ts", 'export * from "../terms.ts";', "noBarrelFile", "noReExportAll");

// core: no clock, no randomness, no input or output of its own.
for (const [name, expression] of Object.entries({
  date: "Date.now()",
  "new-date": "new Date(0).toISOString()",
  process: "process.env.HOME",
  timeout: "setTimeout(() => {}, 1)",
  interval: "setInterval(() => {}, 1)",
  immediate: "setImmediate(() => {})",
  buffer: "Buffer.alloc(1)",
  performance: "performance.now()",
  fetch: 'fetch("/").catch(() => {})',
  crypto: "crypto.randomUUID()",
  global: "globalThis.name",
})) {
  add(`core/log/global-${name}.ts`, `export const x = () => ${expression};`, GLOBALS);
}
add("core/log/random.ts", "export const x = Math.random();", "noJsRestrictedProperties");
add("core/log/random-destructured.ts", "export const { random } = Math;", "noJsRestrictedProperties");
add("core/log/abort-timeout.ts", "export const x = AbortSignal.timeout(1);", "noJsRestrictedProperties");
add("core/log/console.ts", 'console.log("x");', "noConsole");

// core/ports: other ports alone.
add("core/ports/clean.ts", 'import type { X } from "./clock.ts";\n\nexport type Y = X;');
add("core/ports/upwards.ts", 'import type { X } from "../terms.ts";\n\nexport type Y = X;', IMPORTS);
add("core/ports/library.ts", imports("fastest-levenshtein"), IMPORTS);

// adapters: ports and bytes, and the libraries they adapt.
add(
  "adapters/memory/clean.ts",
  'import { ClassicLevel } from "classic-level";\nimport { x } from "../../core/bytes/crc32c.ts";\nimport { y } from "../../core/ports/clock.ts";\n\nexport const z = [ClassicLevel, x, y];',
);
add("adapters/memory/core-rule.ts", imports("../../core/log/frame.ts"), IMPORTS);
add("adapters/memory/core-limits.ts", imports("../../core/limits.ts"), IMPORTS);
add("adapters/memory/function.ts", imports("../../functions/http/app.ts"), IMPORTS);
add("adapters/memory/hono.ts", imports("hono"), IMPORTS);
add("adapters/memory/console.ts", 'console.log("x");', "noConsole");

// functions: core; adapters in functions/stores alone.
add("functions/http/clean.ts", imports("../../core/terms.ts"));
add("functions/http/adapter.ts", imports("../../adapters/memory/item-store.ts"), IMPORTS);
add("functions/http/test.ts", imports("../../test/support/x.ts"), IMPORTS);
add("functions/stores/clean.ts", imports("../../adapters/memory/item-store.ts"));
add("functions/stores/test.ts", imports("../../test/support/x.ts"), IMPORTS);
for (const entry of ["api", "maintenance", "local"])
  add(`functions/${entry}.ts`, imports("../adapters/memory/item-store.ts"), IMPORTS);
add("functions/console.ts", 'console.log("x");', "noConsole");

// cli: the client, and functions/runtime.
add("cli/verbs/clean.ts", imports("../../client/apogee.ts"));
add("cli/verbs/runtime.ts", imports("../../functions/runtime/settings.ts"));
add("cli/verbs/core.ts", imports("../../core/terms.ts"), IMPORTS);
add("cli/verbs/function.ts", imports("../../functions/http/app.ts"), IMPORTS);
add("cli/console.ts", 'console.log("x");', "noConsole");

// Everywhere.
add("bench/default-export.ts", "export default 1;", "noDefaultExport");
add("bench/some.config.ts", "export default 1;");
add("bench/any.ts", "export const x = (y: any): void => y;", "noExplicitAny");
add("bench/import-type.ts", 'import { X } from "./x.ts";\n\nexport type Y = X;', "useImportType");
add("bench/unused-import.ts", 'import { x } from "./x.ts";', "noUnusedImports");
add("bench/unused-variable.ts", "const x = 1;", "noUnusedVariables");
add(
  "bench/floating.ts",
  "const x = async (): Promise<void> => {};\nexport const y = (): void => {\n  x();\n};",
  "noFloatingPromises",
);
add("bench/camelCase.ts", "export const x = 1;", "useFilenamingConvention");
add(
  "core/log/long-function.ts",
  `export const x = (y: unknown[]): void => {\n${"  y.push(1);\n".repeat(71)}};`,
  "noExcessiveLinesPerFunction",
);
add("core/log/cycle-a.ts", 'import { b } from "./cycle-b.ts";\n\nexport const a = () => b;', "noImportCycles");
add("core/log/cycle-b.ts", 'import { a } from "./cycle-a.ts";\n\nexport const b = () => a;', "noImportCycles");

interface Report {
  readonly diagnostics: readonly { category: string; location: { path: string | { file: string } } }[];
}

const reported = new Map<string, string[]>();
let root = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lint-rules-"));
  await Promise.all([cp("biome.jsonc", join(root, "biome.jsonc")), cp(".gitignore", join(root, ".gitignore"))]);
  for (const [path, { source }] of Object.entries(fixtures)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), source);
  }
  const biome = resolve("node_modules/@biomejs/biome/bin/biome");
  const report = await new Promise<string>((done) => {
    const args = [biome, "lint", "--reporter=json", "--max-diagnostics=none", "."];
    execFile(process.execPath, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 }, (_failed, stdout) => done(stdout));
  });
  for (const { category, location } of (JSON.parse(report) as Report).diagnostics) {
    const path = typeof location.path === "string" ? location.path : location.path.file;
    reported.set(path, [...(reported.get(path) ?? []), category.slice(category.lastIndexOf("/") + 1)]);
  }
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe("the linter reports exactly what breaks a rule", () => {
  for (const [path, { rules }] of Object.entries(fixtures)) {
    test(`${path}: ${rules.length === 0 ? "clean" : rules.join(", ")}`, () => {
      expect([...new Set(reported.get(path) ?? [])].sort()).toEqual([...rules].sort());
    });
  }
});
