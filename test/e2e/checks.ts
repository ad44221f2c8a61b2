import { performance } from "node:perf_hooks";

const FAILURES_SHOWN = 30;

export interface SuiteResult {
  readonly passed: number;
  /** A line for each test that failed. */
  readonly failures: readonly string[];
}

/** Runs the checks of a run one by one, prints each with its time, and counts. A failed one does not end the run. */
export class Checks {
  passed = 0;
  failed = 0;

  /** What `work` returns is printed beside the name. */
  async check(name: string, work: () => Promise<string | undefined>): Promise<void> {
    const done = stopwatch();
    try {
      const remark = await work();
      this.passed += 1;
      done("ok", name, remark);
    } catch (error) {
      this.failed += 1;
      done("FAIL", name, error instanceof Error ? error.message : String(error));
    }
  }

  /** A check without whose result nothing after it makes sense. Errors: `Abandoned` when it fails. */
  async require<T>(name: string, work: () => Promise<T>, remark?: (result: T) => string): Promise<T> {
    const results: T[] = [];
    await this.check(name, async () => {
      const result = await work();
      results.push(result);
      return remark?.(result);
    });
    for (const result of results) return result;
    throw new Abandoned();
  }

  /** Many tests at once, each of which counts; one failure when they could not be run. */
  async suite(name: string, work: () => Promise<SuiteResult>): Promise<void> {
    const done = stopwatch();
    try {
      const { passed, failures } = await work();
      this.passed += passed;
      this.failed += failures.length;
      const lines = failures.slice(0, FAILURES_SHOWN).map((line) => `\n      ${line}`);
      done(failures.length === 0 ? "ok" : "FAIL", name, `${passed} passed, ${failures.length} failed${lines.join("")}`);
    } catch (error) {
      this.failed += 1;
      done("FAIL", name, error instanceof Error ? error.message : String(error));
    }
  }
}

/** A required check failed, and was counted and printed. */
export class Abandoned extends Error {
  override readonly name = "Abandoned";
}

function stopwatch(): (result: "ok" | "FAIL", name: string, remark?: string) => void {
  const startedAt = performance.now();
  return (result, name, remark) => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6);
    console.log(`${result.padEnd(4)} ${seconds} s  ${name}${remark ? `: ${remark}` : ""}`);
  };
}
