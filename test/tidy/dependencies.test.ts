import { expect, test } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

type Manifest = Record<string, Record<string, string> | undefined>;

interface Lock {
  readonly packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; inBundle?: boolean }>;
}

const manifest = (path: string): Manifest => JSON.parse(read(path));
/** Of what is installed, of what is built. */
const installed = manifest("package.json");
const built = manifest("build/package.json");
const manifests = [installed, built, manifest("test/package.json"), manifest("test/openapi/npm/package.json")];

test("every dependency is pinned to one version", () => {
  const ranges = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((field) =>
    manifests.flatMap((one) =>
      Object.entries(one[field] ?? {}).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    ),
  );
  expect(ranges).toEqual([]);
});

test.each(["openapi/requirements.txt", "clients/python/requirements.txt"])("every Python package of %s is pinned", (path) => {
  const lines = read(`test/${path}`).trimEnd().split("\n");
  expect(lines.filter((line) => !/^(#.*|[\w.-]+==[\w.]+)$/.test(line))).toEqual([]);
});

test.each(["", "test/openapi/npm/"])(
  "the lock in ./%s names no registry host, and holds a checksum for every package",
  (folder) => {
    const lock: Lock = JSON.parse(read(`${folder}package-lock.json`));
    // The first of these is the project, and its workspaces are folders.
    const entries = Object.entries(lock.packages).filter(([path, { link }]) => path.includes("node_modules/") && !link);
    expect(entries.length).toBeGreaterThan(50);
    expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
    // A package inside another's archive is covered by that one's checksum.
    const covered = entries.filter(([, { integrity, inBundle }]) => integrity !== undefined || inBundle === true);
    expect(entries.length - covered.length).toBe(0);
    // Whoever updates the lock keeps it that way.
    expect(read(`${folder}.npmrc`)).toContain("omit-lockfile-registry-resolved=true");
    expect(read(`${folder}.npmrc`)).not.toMatch(/registry\s*=\s*http/);
  },
);

test("the project's own manifest shows the libraries of the bundles, at the versions that they are made of", () => {
  const tools = ["esbuild", "openapi-explorer", "buffer"];
  const libraries = Object.entries(built.dependencies ?? {}).filter(([name]) => !tools.includes(name));
  expect(installed.devDependencies).toMatchObject(Object.fromEntries(libraries));
});

const importedBy = (folders: RegExp): ((name: string) => boolean) => {
  const sources = sourceFiles.filter((path) => folders.test(path)).map(read);
  return (name) =>
    sources.some((source) =>
      [`from "${name}"`, `from "${name}/`, `import "${name}"`, `import("${name}")`, `import("${name}/`].some((use) =>
        source.includes(use),
      ),
    );
};

test("what runs in production is imported somewhere outside the tests", () => {
  expect(
    Object.keys(installed.dependencies ?? {}).filter((name) => !importedBy(/^(core|adapters|functions)\/.*\.ts$/)(name)),
  ).toEqual([]);
  const imported = importedBy(/^(core|adapters|functions|cli|build)\/.*\.(ts|mjs|js)$/);
  expect(Object.keys(built.dependencies ?? {}).filter((name) => !imported(name))).toEqual([]);
});
