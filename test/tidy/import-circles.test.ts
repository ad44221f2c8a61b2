import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { circlesIn, type ImportGraph, importedBy } from "./import-circles.ts";
import { read, sourceFiles } from "./source-files.ts";

/** What package.json's `imports` stand for: any of their files, by name. */
const { imports }: { imports: Readonly<Record<string, Readonly<Record<string, string>>>> } = JSON.parse(read("package.json"));

const pathsOf = (file: string, imported: string): readonly string[] =>
  imported.startsWith(".")
    ? [posix.join(posix.dirname(file), imported)]
    : Object.values(imports[imported] ?? {}).map((path) => posix.normalize(path));

function graphOfProject(): ImportGraph {
  const own = sourceFiles.filter((path) => path.endsWith(".ts") && !path.startsWith("test/openapi/clients/"));
  const isOwn = new Set(own);
  return new Map(
    own.map((file) => [
      file,
      importedBy(read(file))
        .flatMap((imported) => pathsOf(file, imported))
        .filter((path) => isOwn.has(path)),
    ]),
  );
}

test("no file of the project imports itself by way of others, not even for a type", () => {
  const graph = graphOfProject();
  expect(graph.get("functions/http/routes/documentation.ts")).toContain("functions/http/docs/source-files.ts");
  expect(circlesIn(graph).map((circle) => circle.join("\n  imports "))).toEqual([]);
});

describe("what is found", () => {
  test("every kind of import", () => {
    const source = `import { a } from "./a.ts";
import type {
  B,
} from "../b.ts";
import "./c.ts";
export { d } from "./d.ts";
export const e = () => import("./e.ts");
export const text = 'import { f } from "./f.ts"';
`;
    expect(importedBy(source)).toEqual(["./a.ts", "../b.ts", "./c.ts", "./d.ts", "./e.ts"]);
  });

  test("the shortest way back to each file that no other has named; nothing where imports go one way", () => {
    const graph = (edges: Readonly<Record<string, string>>): ImportGraph =>
      new Map(Object.entries(edges).map(([file, imported]) => [file, [...imported]]));
    expect(circlesIn(graph({ a: "bc", b: "c", c: "d", d: "" }))).toEqual([]);
    expect(circlesIn(graph({ a: "b", b: "cd", c: "d", d: "be", e: "e" }))).toEqual([
      ["b", "d", "b"],
      ["c", "d", "b", "c"],
      ["e", "e"],
    ]);
  });
});
