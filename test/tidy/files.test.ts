import { expect, test } from "vitest";
import { linesMatching, read, sourceFiles } from "./source-files.ts";

const LINES_MAX = 300;
const code = sourceFiles.filter((path) => /\.(ts|mjs|js)$/.test(path));
const text = sourceFiles.filter(
  (path) => /\.(ts|mjs|js|json|jsonc|md|sh|ya?ml|html)$|^\.|^\.ci\//.test(path) && !path.endsWith("package-lock.json"),
);
/** This file names what it looks for. */
const others = text.filter((path) => !path.startsWith("test/tidy/"));

test("there is source to look at", () => {
  expect(code.length).toBeGreaterThan(10);
});

test(`files of core, functions, adapters and cli have at most ${LINES_MAX} lines`, () => {
  const long = code
    .filter((path) => /^(core|functions|adapters|cli)\//.test(path) && !path.startsWith("functions/grpc/generated/"))
    .map((path) => ({ path, lines: read(path).trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});

test("source files and folders have kebab-case names", () => {
  const segment = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
  expect(code.filter((path) => !path.split("/").every((name) => segment.test(name)))).toEqual([]);
});

test("nothing is left to do later", () => {
  expect(linesMatching(/\b(TODO|FIXME|XXX|HACK)\b/, others)).toEqual([]);
});

test("no path of anyone's machine is written down", () => {
  expect(linesMatching(/(^|[\s"'`(=:])(\/home\/|\/Users\/|\/root\/|\/work\/|[A-Z]:\\Users\\)/, others)).toEqual([]);
});

test("text files end with one newline and use LF", () => {
  const ragged = text.filter((path) => {
    const content = read(path);
    return content !== "" && (!content.endsWith("\n") || content.endsWith("\n\n") || content.includes("\r"));
  });
  expect(ragged).toEqual([]);
});

test("the licence is Apache 2.0, in full", () => {
  const licence = read("LICENSE");
  expect(licence).toContain("Apache License\n                           Version 2.0, January 2004");
  expect(licence).toContain("END OF TERMS AND CONDITIONS");
  expect(JSON.parse(read("package.json"))).toMatchObject({ license: "Apache-2.0" });
});
