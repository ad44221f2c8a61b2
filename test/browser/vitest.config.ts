import { defineConfig } from "vitest/config";

/** Run by `npm run browser`, which finds a Chromium and builds the server first. */
export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each file has a browser.
    maxWorkers: 2,
    retry: 0,
    passWithNoTests: false,
  },
});
