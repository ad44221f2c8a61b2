import { performance } from "node:perf_hooks";

const FAILURES_SHOWN = 30;

export interface SuiteResult {
  readonly passed: number;
  /** A line for each test that failed. */
  readonly failures: readonly string[];
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly remark: string;
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

  /** A check that another program has made, and timed. */
  record({ name, ok, ms, remark }: CheckResult): void {
    if (ok) this.passed += 1;
    else this.failed += 1;
    printResult(ok ? "ok" : "FAIL", ms, name, remark);
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
  return (result, name, remark) => printResult(result, performance.now() - startedAt, name, remark);
}

function printResult(result: "ok" | "FAIL", ms: number, name: string, remark?: string): void {
  const seconds = (ms / 1_000).toFixed(1).padStart(6);
  console.log(`${result.padEnd(4)} ${seconds} s  ${name}${remark ? `: ${remark}` : ""}`);
}
