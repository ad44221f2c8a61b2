// node .ci/count.mjs <checks passed> <checks failed> <report>=<exit code>…: prints the sum as the last line. A report is JSON with
// numPassedTests and numFailedTests, as Vitest writes it.
import { readFileSync } from "node:fs";

const [checksPassed, checksFailed, ...runs] = process.argv.slice(2);

const count = (run) => {
  const [reportPath, exitCode] = run.split("=");
  let tests = { passed: 0, failed: 0 };
  try {
    const report = JSON.parse(readFileSync(reportPath, "utf8"));
    tests = { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch (error) {
    console.log(`No test report: ${error.message}`);
  }
  // A run also fails for what is no test: a suite that does not load, an unhandled rejection.
  const runFailed = exitCode !== "0" && tests.failed === 0 ? 1 : 0;
  return { passed: tests.passed, failed: tests.failed + runFailed };
};

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const counts = runs.map(count);
const tested = sum(counts.map(({ passed }) => passed));
const failed = sum(counts.map((one) => one.failed)) + Number(checksFailed);
// A run that could not count anything must never look green.
process.exitCode = failed > 0 || tested === 0 ? 1 : 0;
console.log(`${tested + Number(checksPassed)} passed, ${failed} failed`);
