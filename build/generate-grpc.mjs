// node build/generate-grpc.mjs: writes functions/grpc/generated from the protos beside it. The generator is fetched when this runs,
// because nothing else needs it.
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const GENERATOR = ["-p", "@bufbuild/buf@1.75.0", "-p", "ts-proto@2.18.0"];
const OPTIONS = [
  "outputServices=grpc-js",
  "outputClientImpl=false",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  "outputTypeAnnotations=false",
  "exportCommonSymbols=false",
  "unrecognizedEnum=false",
  // Enums and namespaces are no JavaScript, and Node.js strips types only.
  "enumsAsLiterals=true",
  "importSuffix=.ts",
  "esModuleInterop=true",
  "env=node",
  // Offsets stay below 2^53.
  "forceLong=number",
  "useDate=false",
  "useMapType=true",
  "oneof=unions-value",
  "comments=false",
];

const folder = resolve("functions/grpc");
const work = await mkdtemp(join(tmpdir(), "grpc-"));
await writeFile(join(work, "buf.yaml"), JSON.stringify({ version: "v2", modules: [{ path: "protos" }] }));
const plugin = { local: "protoc-gen-ts_proto", out: "generated", opt: OPTIONS };
await writeFile(
  join(work, "buf.gen.yaml"),
  JSON.stringify({ version: "v2", inputs: [{ directory: "protos" }], plugins: [plugin] }),
);
await cp(join(folder, "protos"), join(work, "protos"), { recursive: true });
execFileSync("npx", ["--yes", ...GENERATOR, "buf", "generate"], { cwd: work, stdio: "inherit" });
await rm(join(folder, "generated"), { recursive: true, force: true });
await cp(join(work, "generated"), join(folder, "generated"), { recursive: true });
await rm(work, { recursive: true });
