import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { BUNDLE } from "./bundle-options.mjs";

const CLIENT = "client";
const OUT = `${CLIENT}/dist`;

/** What `@apogee/client` is: one file for every runtime, one with the broker in memory for tests on Node.js, and their types. */
export async function buildClient() {
  await rm(OUT, { recursive: true, force: true });
  await Promise.all([
    build({
      entryPoints: { index: `${CLIENT}/index.ts` },
      outdir: OUT,
      bundle: true,
      // Of no runtime in particular: what only one of them has would not be found.
      platform: "neutral",
      target: "es2022",
      // Those who load it as it is wait for every byte. The map has the sources.
      minify: true,
      sourcemap: true,
    }),
    build({
      ...BUNDLE,
      entryPoints: { testing: `${CLIENT}/testing.ts` },
      outdir: OUT,
      outExtension: { ".js": ".js" },
      minify: false,
    }),
    writeTypes(),
  ]);
}

/** Types are for those who compile against the package: an installation without TypeScript does without them. */
async function writeTypes() {
  const tsc = join("node_modules", "typescript", "bin", "tsc");
  const folder = await mkdtemp(join(tmpdir(), "apogee-types-"));
  try {
    await promisify(execFile)(process.execPath, [tsc, "-p", `${CLIENT}/tsconfig.types.json`, "--outDir", folder]);
    const emitted = join(folder, CLIENT);
    for (const name of await readdir(emitted)) await cp(join(emitted, name), join(OUT, name));
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" && !String(error.stderr).includes("MODULE_NOT_FOUND")) throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}
