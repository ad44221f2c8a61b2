import { expect, test } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

const manifest: Record<string, Record<string, string> | undefined> = JSON.parse(read("package.json"));
const lock: { packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; inBundle?: boolean }> } =
  JSON.parse(read("package-lock.json"));

test("every dependency is pinned to one version", () => {
  const ranges = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((field) =>
    Object.entries(manifest[field] ?? {}).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
  );
  expect(ranges).toEqual([]);
});

test("the lock names no registry host, and holds a checksum for every package", () => {
  const entries = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(entries.length).toBeGreaterThan(50);
  expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
  // A package inside another's archive is covered by that one's checksum.
  const covered = entries.filter(
    ([, { integrity, link, inBundle }]) => integrity !== undefined || link === true || inBundle === true,
  );
  expect(entries.length - covered.length).toBe(0);
  // Whoever updates the lock keeps it that way.
  expect(read(".npmrc")).toContain("omit-lockfile-registry-resolved=true");
  expect(read(".npmrc")).not.toMatch(/registry\s*=\s*http/);
});

test("what runs in production is imported somewhere outside the tests", () => {
  const production = sourceFiles.filter((path) => /^(core|adapters|functions)\/.*\.ts$/.test(path)).map(read);
  const unused = Object.keys(manifest.dependencies ?? {}).filter(
    (name) =>
      !production.some(
        (source) =>
          source.includes(`from "${name}"`) || source.includes(`from "${name}/`) || source.includes(`import("${name}")`),
      ),
  );
  expect(unused).toEqual([]);
});
