import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SuiteResult } from "../e2e/checks.ts";
import type { Processes } from "../e2e/processes.ts";

interface Assertion {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

/** The conformance suite against a server, told by `env` where it is. Prints what was skipped. Errors: when it could not run. */
export async function runSuite(options: {
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly processes: Processes;
}): Promise<SuiteResult> {
  const report = join(options.folder, "conformance.json");
  const logFile = join(options.folder, "conformance.log");
  const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/localstack/vitest.config.ts"];
  const reporters = [
    "--reporter=default",
    "--reporter=./.ci/skip-reporter.mjs",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const env = { ...process.env, ...options.env, NO_COLOR: "1" };
  // A test that fails is told by the report.
  await options.processes.run({ file: process.execPath, args: [...args, ...reporters], env, logFile }).catch((error: unknown) => {
    if (!existsSync(report)) throw error;
  });
  for (const line of readFileSync(logFile, "utf8").split("\n")) if (line.startsWith("skipped  ")) console.log(line);
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as { testResults: { assertionResults: Assertion[] }[] };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.filter(({ status }) => status === "failed");
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failures: failed.map(({ fullName, failureMessages: [first = ""] = [] }) => `${fullName}: ${first.split("\n")[0]}`),
  };
}
