import { rm } from "node:fs/promises";
import { build } from "esbuild";

/** Some dependencies are CommonJS and call `require`, which a module bundle does not have. */
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** Bundles the embedded server into dist/local.mjs: a bundle starts some three times faster than its sources. */
await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: { local: "functions/local.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // Has a native part that it finds beside its own files.
  external: ["classic-level"],
  // Names stay, so that a stack trace reads.
  minify: false,
  keepNames: false,
  sourcemap: true,
  sourcesContent: false,
  banner: { js: REQUIRE },
  logLevel: "warning",
});
