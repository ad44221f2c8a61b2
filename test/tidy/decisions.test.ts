import { expect, test } from "vitest";
import { read, sourceFiles } from "./source-files.ts";

const records = sourceFiles.filter((path) => /^docs\/adr\/.+\.md$/.test(path) && path !== "docs/adr/README.md");

test("decision records are numbered from 0001 without holes", () => {
  const numbers = records.map((path) => /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]).sort();
  expect(numbers).toEqual(records.map((_, index) => String(index + 1).padStart(4, "0")));
});

test("every decision record is linked from the index", () => {
  const index = records.length === 0 ? "" : read("docs/adr/README.md");
  expect(records.filter((path) => !index.includes(`(${path.replace("docs/adr/", "")})`))).toEqual([]);
});

test("every relative link in the documents leads to a file", () => {
  const broken = sourceFiles
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) => {
      const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
      return [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map((match) => new URL(match[1] ?? "", `file:///${folder}`).pathname.slice(1))
        .filter((target) => !sourceFiles.some((file) => file === target || file.startsWith(`${target.replace(/\/$/, "")}/`)))
        .map((target) => `${path} -> ${target}`);
    });
  expect(broken).toEqual([]);
});
