import { execFileSync } from "node:child_process";

/** Builds dist/ from the current sources, so that a suite never runs a stale bundle. */
export const setup = (): void => {
  execFileSync(process.execPath, ["build/build.mjs"], { stdio: ["ignore", "ignore", "inherit"] });
};
