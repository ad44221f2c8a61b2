/** Some dependencies are CommonJS and call `require`, which a module bundle does not have. */
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** Zod brings its messages in fifty languages, which would be a fifth of a function. English is loaded apart from these. */
const withoutLocales = {
  name: "without-locales",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: "" }));
  },
};

/**
 * How what runs on Node.js is bundled. What is imported only when it is needed comes in a chunk of its own, so that no start reads it.
 * @satisfies {import("esbuild").BuildOptions}
 */
export const BUNDLE = {
  // What is in package.json's imports for bundles.
  conditions: ["bundled", "module"],
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
};
