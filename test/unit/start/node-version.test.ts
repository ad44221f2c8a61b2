import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** Runs a script that takes its Node.js for another version. */
function runOn(version: string, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const pretend = `data:text/javascript,Object.defineProperty(process, "version", { value: "${version}" })`;
  return spawnSync(process.execPath, ["--import", pretend, ...args], { encoding: "utf8" });
}

const said = (version: string): string => {
  const check = "import { unfitNode } from './functions/node-version.mjs'; console.log(unfitNode(process.version));";
  return runOn(version, "--input-type=module", "-e", check).stdout.trim();
};

it.each(["functions/apogee.mjs", "build/build.mjs"])(
  "%s says in one line that Node.js is too old, and does nothing",
  (script) => {
    const { status, stdout, stderr } = runOn("v18.20.4", script, "/nowhere");
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: "Apogee needs Node.js 20.19 or newer; this is v18.20.4.\n",
    });
  },
);

it("takes what the package says it takes", () => {
  expect(JSON.parse(readFileSync("package.json", "utf8")).engines).toEqual({ node: "^20.19.0 || >=22.12.0" });
  for (const version of ["v20.19.0", "v20.20.2", "v22.12.0", "v22.20.1", "v23.0.0", "v24.1.0"]) {
    expect(said(version), version).toBe("undefined");
  }
  for (const version of ["v14.21.3", "v20.18.9"])
    expect(said(version)).toBe(`Apogee needs Node.js 20.19 or newer; this is ${version}.`);
  for (const version of ["v21.7.3", "v22.11.0"])
    expect(said(version)).toBe(`Apogee needs Node.js 22.12 or newer; this is ${version}.`);
});
