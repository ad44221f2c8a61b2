/** Prints each skipped test with its reason once the run is over, since other reporters fold skips into a number. */
export default class SkipReporter {
  #skipped = [];

  onTestCaseResult(testCase) {
    const result = testCase.result();
    if (result.state === "skipped") this.#skipped.push(`${testCase.fullName}: ${result.note ?? "no reason given"}`);
  }

  onTestRunEnd() {
    for (const line of this.#skipped) console.log(`skipped  ${line}`);
  }
}
