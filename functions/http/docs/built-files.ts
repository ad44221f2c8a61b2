import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { lazily } from "../../runtime/lazily.ts";
import { type DocsFiles, readRenderer } from "./docs-files.ts";
import { type PackedFile, packedFile } from "./packed-file.ts";

/** The folder beside the bundle that contains this module. */
const FOLDER = new URL("./docs/", import.meta.url);

const openApi = lazily(async (): Promise<PackedFile> => {
  const packed = await readFile(new URL("openapi.json.gz", FOLDER));
  return packedFile(packed, "application/json", createHash("sha256").update(packed).digest("base64url"));
});

/** The files that the build wrote. A bundle uses these instead of `source-files.ts`, and contains no generator. */
export const docsFiles: DocsFiles = { openApi, renderer: lazily(() => readRenderer(FOLDER)) };
