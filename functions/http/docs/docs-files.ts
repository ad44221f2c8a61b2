import { readdir, readFile } from "node:fs/promises";
import type { Route } from "../route.ts";
import { type PackedFile, packedFile } from "./packed-file.ts";

/** What the documentation consists of beside its pages. Made by the build; what runs from the sources makes the document anew. */
export interface DocsFiles {
  /** The OpenAPI document of all routes. */
  openApi(routes: readonly Route[]): Promise<PackedFile>;
  /** The script that shows the document. */
  renderer(): Promise<Renderer>;
}

export interface Renderer {
  /** Of its file: has the digest, so that a name never stands for something else. */
  readonly name: string;
  /** SHA-256 in base64, by which a page may run it. */
  readonly digest: string;
  readonly file: PackedFile;
}

/** `renderer-<digest>.js`, its digest in base64url. */
const RENDERER = /^renderer-([\w-]{43})\.js$/;
const PACKED = ".gz";

/** Reads the renderer that the build left in a folder. Errors: those of the file system, where nothing was built. */
export async function readRenderer(folder: URL): Promise<Renderer> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(PACKED)).map((name) => name.slice(0, -PACKED.length));
  const [name = "", digest = ""] = names.map((each) => RENDERER.exec(each)).find((match) => match !== null) ?? [];
  if (digest === "") throw new Error(`There is no renderer in ${folder.pathname}: run \`npm run build\`.`);
  return {
    name,
    digest: Buffer.from(digest, "base64url").toString("base64"),
    file: packedFile(await readFile(new URL(name + PACKED, folder)), "text/javascript; charset=utf-8", digest),
  };
}
