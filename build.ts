// tsx build.ts [folder]: bundles the server and the functions. Default folder: dist.
import { rm } from "node:fs/promises";
import { type BuildOptions, build, type Plugin } from "esbuild";

const [folder = "dist"] = process.argv.slice(2);

/** Some dependencies are CommonJS and call `require`, which a module bundle does not have. */
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** Zod brings its messages in fifty languages, which would be a fifth of a function. English is loaded apart from these. */
const withoutLocales: Plugin = {
  name: "without-locales",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: "" }));
  },
};

/** What is imported only when it is needed comes in a chunk of its own, so that no start reads it. */
const common = {
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  banner: { js: REQUIRE },
  plugins: [withoutLocales],
  sourcesContent: false,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** The server, local.mjs: a bundle starts some three times faster than its sources. */
const server = () =>
  build({
    ...common,
    entryPoints: { local: "functions/local.ts" },
    outdir: folder,
    // Has a native part that it finds beside its own files.
    external: ["classic-level"],
    // Names stay, so that a stack trace reads.
    minify: false,
    sourcemap: true,
  });

/** A function of the deployment: a folder with all it needs, small, since a cold start reads it. The maps stay behind. */
const lambda = (name: string) =>
  build({
    ...common,
    entryPoints: { index: `functions/${name}.ts` },
    outdir: `${folder}/${name}`,
    minify: true,
    legalComments: "none",
    sourcemap: "external",
  });

await rm(folder, { recursive: true, force: true });
await Promise.all([server(), lambda("api"), lambda("maintenance"), lambda("scanner")]);
