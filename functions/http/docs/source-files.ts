import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { lazily } from "../../runtime/lazily.ts";
import type { Route } from "../route.ts";
import { type DocsFiles, readRenderer } from "./docs-files.ts";
import { type PackedFile, packedFile } from "./packed-file.ts";

const BUILT = new URL("../../../dist/docs/", import.meta.url);

async function generate(routes: readonly Route[]): Promise<PackedFile> {
  const { createOpenApiDocument } = await import("./openapi.ts");
  const packed = await promisify(gzip)(JSON.stringify(createOpenApiDocument(routes)));
  return packedFile(packed, "application/json");
}

/** The same for every server. */
let document: Promise<PackedFile> | undefined;

/** The document as made from the sources, and the last built renderer, which does not depend on them. */
export const docsFiles: DocsFiles = {
  openApi(routes) {
    document ??= generate(routes);
    return document;
  },
  renderer: lazily(() => readRenderer(BUILT)),
};
