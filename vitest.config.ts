import { defineConfig } from "vitest/config";

interface Options {
  /** Long enough for a machine that is busy with much else. */
  readonly testTimeout: number;
  readonly globalSetup?: string[];
  /** Whether each file loads the product anew, for those that change what it is made of. */
  readonly isolate?: boolean;
  /** Those of a higher number begin when all of a lower one have ended. */
  readonly sequence?: { readonly groupOrder: number };
}

/** Suites from the inside out. Each is a folder of test/ and can run alone: `npm test -- --project unit`. */
const suite = (name: string, options: Options) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], isolate: false, ...options },
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
      suite("tidy", { testTimeout: 30_000 }),
      suite("unit", { testTimeout: 20_000 }),
      suite("client", { testTimeout: 20_000 }),
      suite("contract", { testTimeout: 60_000 }),
      suite("conformance", { testTimeout: 90_000 }),
      suite("grpc", { testTimeout: 60_000 }),
      suite("infra", { testTimeout: 60_000 }),
      suite("simulation", { testTimeout: 180_000, isolate: true }),
      // These run the bundle that users run, so it is built first.
      suite("crash", { testTimeout: 120_000, isolate: true, globalSetup: ["test/support/server/build-bundle.ts"] }),
      suite("examples", { testTimeout: 60_000, isolate: true, globalSetup: ["test/support/server/build-bundle.ts"] }),
      suite("cli", { testTimeout: 30_000, globalSetup: ["test/support/server/build-bundle.ts"] }),
      // The attackers take one core and the server the other: what it answers in time is only told while nothing else runs.
      suite("hostile", {
        testTimeout: 120_000,
        isolate: true,
        globalSetup: ["test/support/server/build-bundle.ts"],
        sequence: { groupOrder: 1 },
      }),
    ],
  },
});
