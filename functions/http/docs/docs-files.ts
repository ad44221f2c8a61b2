import { readdir, readFile } from "node:fs/promises";
import type { Route } from "../route.ts";
import { type PackedFile, packedFile } from "./packed-file.ts";

/** The files of the documentation besides its pages. The build makes them; from the sources, the document is made at run time. */
export interface DocsFiles {
  /** The OpenAPI document of all routes. */
  openApi(routes: readonly Route[]): Promise<PackedFile>;
  /** The script that shows the document. */
  renderer(): Promise<Renderer>;
}

export interface Renderer {
  /** Name of its file. It contains the digest, so that a name never stands for other content. */
  readonly name: string;
  /** SHA-256 in base64, by which a page may run it. */
  readonly digest: string;
  readonly file: PackedFile;
}

/** `renderer-<digest>.js`, its digest in base64url. */
const RENDERER = /^renderer-([\w-]{43})\.js$/;
const PACKED = ".gz";

/** Reads the renderer that the build left in a folder. Errors: those of the file system, if nothing was built. */
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
