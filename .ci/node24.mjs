// npm run test:node24: tests on the Node.js that the functions are deployed with, whatever this machine has. Takes it from the npm
// registry, once, into .tmp. Writes its counts to .tmp/ci/node24.json as Vitest does, also when it skips.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const VERSION = "24.22.3";
const FOLDER = resolve(".tmp/node24");
const REPORT = ".tmp/ci/node24.json";
const RUN_MS_MAX = 5 * 60_000;
/**
 * The rules; the API through the handler of its function; what the bundles need to start; the built server under a load, and killed; the
 * client, and how the command line behaves.
 */
const TESTS = [
  "test/unit/",
  "test/conformance/lambda",
  "test/conformance/embedded-process",
  "test/tidy/bundles",
  "test/crash/",
  "test/client/",
  "test/cli/manners",
];

const versionOf = (node) => spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim();

/** A Node.js 24: this one, or one that is installed. A text says why there is none. */
function findNode() {
  if (process.version.startsWith("v24.")) return { node: process.execPath };
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch))
    return { missing: `the registry has none for ${process.platform} ${process.arch} that this script knows` };
  const name = `node-linux-${process.arch}`;
  const node = join(FOLDER, "node_modules", name, "bin", "node");
  if (versionOf(node) === `v${VERSION}`) return { node };
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "package.json"), "{}");
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { stderr, error } = spawnSync("npm", ["install", ...options, "--prefix", FOLDER, `${name}@${VERSION}`], {
    encoding: "utf8",
  });
  return versionOf(node) === `v${VERSION}`
    ? { node }
    : { missing: `it could not be installed: ${(stderr || error?.message || "").trim().split("\n")[0]}` };
}

mkdirSync(".tmp/ci", { recursive: true });
const { node, missing } = findNode();
if (missing !== undefined) {
  console.log(`skipped  tests on Node.js 24: ${missing}`);
  writeFileSync(REPORT, JSON.stringify({ numPassedTests: 0, numFailedTests: 0 }));
} else {
  console.log(`Node.js ${versionOf(node)}`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const { status } = spawnSync(node, ["node_modules/vitest/vitest.mjs", "run", ...TESTS, ...reporters], {
    stdio: "inherit",
    timeout: RUN_MS_MAX,
  });
  if (status === null) console.log(`It did not end within ${RUN_MS_MAX / 1_000} s.`);
  process.exitCode = status ?? 1;
}
