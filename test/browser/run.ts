// npm run browser: what a browser does with a server. Builds the server, starts it as users do, and drives Chromium.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { findChromium } from "./find-chromium.ts";

const HOME = ".tmp/browser";
const REPORT = `${HOME}/report.json`;

function run(...args: readonly string[]): number {
  return spawnSync(process.execPath, args, { stdio: "inherit", env: process.env }).status ?? 1;
}

mkdirSync(HOME, { recursive: true });
rmSync(REPORT, { force: true });
const chromium = await findChromium();
if ("missing" in chromium) {
  console.log(`skipped  browser: this machine has ${chromium.missing}`);
  writeFileSync(REPORT, JSON.stringify({ numPassedTests: 0, numFailedTests: 0 }));
} else {
  process.env.CHROMIUM = chromium.path;
  const reporters = [
    "--reporter=default",
    "--reporter=./.ci/skip-reporter.mjs",
    "--reporter=json",
    `--outputFile.json=${REPORT}`,
  ];
  const args = ["run", "--config", "test/browser/vitest.config.ts", ...reporters, ...process.argv.slice(2)];
  process.exitCode = run("build/build.mjs") || run("node_modules/vitest/vitest.mjs", ...args);
}
