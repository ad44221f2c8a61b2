import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SuiteResult } from "./checks.ts";
import type { DeployedApi } from "./deployed-api.ts";
import type { Processes } from "./processes.ts";

interface Assertion {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

/** The whole conformance suite against the deployed API. Errors: when it could not run. */
export async function runConformance(options: { api: DeployedApi; folder: string; processes: Processes }): Promise<SuiteResult> {
  const { api, folder, processes } = options;
  const report = join(folder, "conformance.json");
  const logFile = join(folder, "conformance.log");
  const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/e2e/vitest.config.ts"];
  const reporters = [
    "--reporter=default",
    "--reporter=./.ci/skip-reporter.mjs",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const env = { ...process.env, DEPLOYED_API: JSON.stringify(api), NO_COLOR: "1" };
  const ended = processes.run({ file: process.execPath, args: [...args, ...reporters], env, logFile });
  // Failing tests are told by the report, which says which.
  await ended.catch((error: unknown) => {
    if (!existsSync(report)) throw error;
  });
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const tests: Assertion[] = testResults.flatMap(({ assertionResults }: { assertionResults: Assertion[] }) => assertionResults);
  const failures = tests
    .filter(({ status }) => status === "failed")
    .map(({ fullName, failureMessages = [] }) => `${fullName}: ${failureMessages[0]?.split("\n")[0]}`);
  for (const line of readFileSync(logFile, "utf8").split("\n")) if (line.startsWith("skipped  ")) console.log(line);
  return { passed: tests.filter(({ status }) => status === "passed").length, failures };
}
