import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

const bundle = () =>
  build({
    entryPoints: ["client/index.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
  });

it("runs wherever fetch and WebCrypto are: it imports nothing", async () => {
  const { metafile, warnings } = await bundle();
  const inputs = Object.entries(metafile.inputs);
  expect(warnings).toEqual([]);
  expect(inputs.length).toBeGreaterThan(20);
  expect(inputs.map(([path]) => path).filter((path) => !path.startsWith("client/"))).toEqual([]);
  expect(inputs.flatMap(([, { imports }]) => imports).filter(({ external }) => external)).toEqual([]);
});

it("has 12 KB at most", async () => {
  const { outputFiles } = await bundle();
  expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThan(12 * 1_024);
});
