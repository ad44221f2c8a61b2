import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** What git tracks, and what it would: paths relative to the root. */
export const sourceFiles: readonly string[] = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(path));

export const read = (path: string): string => readFileSync(path, "utf8");

/** Lines of text files that match, as `path:line: text`. */
export const linesMatching = (pattern: RegExp, paths: readonly string[]): string[] =>
  paths.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
