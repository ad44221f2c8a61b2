import { defineConfig } from "vitest/config";

/** Suites from the inside out. Each is a folder of test/ and can run alone: `npm test -- --project unit`. */
const suite = (name: string, options: { testTimeout: number; globalSetup?: string[] }) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
});

export default defineConfig({
  test: {
    pool: "threads",
    retry: 0,
    // The default leaves a core idle.
    maxWorkers: "100%",
    // Conformance tests run together: most of their time is waiting.
    maxConcurrency: 20,
    passWithNoTests: false,
    projects: [
      suite("tidy", { testTimeout: 10_000 }),
      suite("unit", { testTimeout: 5_000 }),
      suite("contract", { testTimeout: 20_000 }),
      suite("conformance", { testTimeout: 30_000 }),
      suite("infra", { testTimeout: 30_000 }),
      suite("simulation", { testTimeout: 60_000 }),
      // Runs the bundle that users run, so it is built first.
      suite("crash", { testTimeout: 60_000, globalSetup: ["test/support/build-bundle.ts"] }),
    ],
  },
});
