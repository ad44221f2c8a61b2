// node build/build.mjs [folder]: bundles the server and the functions. Default folder: dist. The client goes to client/dist.
import "./require-node.mjs";
import { rm } from "node:fs/promises";
import { build } from "esbuild";
import { buildClient } from "./build-client.mjs";
import { BUNDLE } from "./bundle-options.mjs";
import { writeDocs } from "./write-docs.mjs";

const [folder = "dist"] = process.argv.slice(2);

/** Says what is wrong where Node.js is too old; so what runs it reads on every version. */
const start = () =>
  build({
    entryPoints: { apogee: "functions/apogee.mjs" },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node14",
    format: "esm",
    external: ["./local.mjs", "./backup.mjs", "./cli.mjs"],
    logLevel: "warning",
  });

/** The server, local.mjs, backup.mjs, and the verbs, cli.mjs: a bundle starts some three times faster than its sources. */
const server = () =>
  build({
    ...BUNDLE,
    entryPoints: { local: "functions/local.ts", backup: "functions/backup.ts", cli: "cli/main.ts" },
    outdir: folder,
    // Has a native part that it finds beside its own files.
    external: ["classic-level"],
    // Names stay, so that a stack trace reads.
    minify: false,
    sourcemap: true,
  });

/** A function of the deployment: a folder with all it needs, small, since a cold start reads it. The maps stay behind. */
const lambda = (name) =>
  build({
    ...BUNDLE,
    entryPoints: { index: `functions/${name}.ts` },
    outdir: `${folder}/${name}`,
    minify: true,
    legalComments: "none",
    sourcemap: "external",
  });

await rm(folder, { recursive: true, force: true });
await Promise.all([start(), server(), lambda("api"), lambda("maintenance"), lambda("scanner"), buildClient()]);
await writeDocs([`${folder}/docs`, `${folder}/api/docs`]);
