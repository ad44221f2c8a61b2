import { defineConfig } from "vitest/config";

/** Run by `npm run localstack`, which starts the server first. */
export default defineConfig({
  test: {
    include: ["test/localstack/**/*.test.ts"],
    testTimeout: 60_000,
    retry: 0,
    passWithNoTests: false,
  },
});
