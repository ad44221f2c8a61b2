import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { BUNDLE } from "./bundle-options.mjs";

const LICENCE_FILES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license", "MIT-LICENSE.txt"];

/** Writes what the documentation is served from into each folder: the document, the renderer, and the licences of what that is made of. */
export async function writeDocs(folders) {
  const [document, renderer] = await Promise.all([openApiText(), bundleRenderer()]);
  const digest = createHash("sha256").update(renderer.code).digest("base64url");
  const files = {
    "openapi.json.gz": gzipSync(document, { level: 9 }),
    [`renderer-${digest}.js.gz`]: gzipSync(renderer.code, { level: 9 }),
    "renderer-licences.txt": await licencesOf(renderer.packages),
  };
  for (const folder of folders) {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  }
}

/** The sources make the document: they are bundled for this one call. */
async function openApiText() {
  const folder = await mkdtemp(join(tmpdir(), "apogee-build-"));
  try {
    await build({ ...BUNDLE, entryPoints: { document: "functions/http/docs/all-routes-document.ts" }, outdir: folder });
    const { allRoutesDocument } = await import(pathToFileURL(join(folder, "document.mjs")).href);
    return await allRoutesDocument();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundleRenderer() {
  const { outputFiles, metafile } = await build({
    entryPoints: ["build/show-reference.js"],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    // The renderer asks for a build of its resolver that wants to know the address of its script, and this one has none.
    alias: { "openapi-resolver/dist/openapi-resolver.browser.js": "openapi-resolver" },
    write: false,
    metafile: true,
    legalComments: "none",
    banner: { js: "/* Licences of what this is made of: renderer-licences.txt, beside it in the package. */" },
    logLevel: "warning",
  });
  const packages = Object.keys(metafile.inputs).map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return { code: outputFiles[0].text, packages: [...new Set(packages.filter((each) => each !== undefined))].sort() };
}

async function licencesOf(packages) {
  const texts = packages.map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const read = LICENCE_FILES.map((file) => readFile(join(folder, file), "utf8").catch(() => undefined));
    const text = (await Promise.all(read)).find((each) => each !== undefined) ?? "";
    return `${name} ${version}, ${license}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}
