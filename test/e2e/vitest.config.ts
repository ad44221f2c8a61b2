import { defineConfig } from "vitest/config";

/** Run by `npm run e2e`, which deploys the stack first. */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.ts"],
    // A request is a function's start or a turn in its queue, on a machine that plays all of AWS.
    testTimeout: 60_000,
    sequence: { concurrent: true },
    maxConcurrency: 4,
    retry: 0,
    passWithNoTests: false,
  },
});
