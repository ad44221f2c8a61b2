import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const CPU_MS_MAX = 150;
const REPEATS = 5;

/** CPU of a process, in milliseconds: what other work a machine does is not in it. */
function cpuMs(args: readonly string[]): number {
  const timed = spawnSync("bash", ["-c", 'TIMEFORMAT="%U %S"; time "$0" "$@" >/dev/null', process.execPath, ...args], {
    encoding: "utf8",
  });
  const [user = "", system = ""] = timed.stderr.trim().split("\n").at(-1)?.split(" ") ?? [];
  return (Number(user) + Number(system)) * 1_000;
}

test(`the help takes at most ${CPU_MS_MAX} ms of CPU more than Node.js itself`, () => {
  const least = (args: readonly string[]) => Math.min(...Array.from({ length: REPEATS }, () => cpuMs(args)));
  const [node, help] = [least(["-e", "0"]), least(["dist/apogee.mjs", "--help"])];
  console.log(`apogee --help: ${Math.round(help - node)} ms of CPU more than the ${Math.round(node)} ms of node -e 0`);
  expect(node).toBeGreaterThan(0);
  expect(help - node).toBeLessThanOrEqual(CPU_MS_MAX);
});
