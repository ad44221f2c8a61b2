// node .ci/count.mjs <vitest report> <vitest exit code> <checks passed> <checks failed>: prints the sum as the last line.
import { readFileSync } from "node:fs";

const [reportPath, testCode, checksPassed, checksFailed] = process.argv.slice(2);

const readTests = () => {
  try {
    const report = JSON.parse(readFileSync(reportPath, "utf8"));
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch (error) {
    console.log(`No test report: ${error.message}`);
    return { passed: 0, failed: 0 };
  }
};

const tests = readTests();
// Vitest also fails for what is no test: a suite that does not load, an unhandled rejection.
const runFailed = testCode !== "0" && tests.failed === 0 ? 1 : 0;
const passed = tests.passed + Number(checksPassed);
const failed = tests.failed + runFailed + Number(checksFailed);
// A run that could not count anything must never look green.
process.exitCode = failed > 0 || tests.passed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);
