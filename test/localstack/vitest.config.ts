import { defineConfig } from "vitest/config";

/** Run by `npm run localstack`, which starts the server first. */
export default defineConfig({
  test: {
    include: ["test/localstack/**/*.test.ts"],
    // A test with hundreds of queues writes as many items, each of which takes LocalStack some tens of milliseconds.
    testTimeout: 240_000,
    retry: 0,
    passWithNoTests: false,
  },
});
