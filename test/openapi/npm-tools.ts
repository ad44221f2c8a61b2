import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLIENT_TYPES, madeOf, typedPart } from "./client-types.ts";
import { copyClient, linkNodeModules, type OpenApiRun, runStep, SOURCES, scenarioArguments } from "./openapi-run.ts";

const PACKAGES = ["package.json", "package-lock.json", ".npmrc"];

/** Installs what is needed of npm, in a folder of its own that is kept. */
async function install(run: OpenApiRun): Promise<undefined> {
  const home = join(run.home, "npm");
  const lock = await readFile(join(SOURCES, "npm", "package-lock.json"), "utf8");
  const installed = await readFile(join(home, "installed-lock.json"), "utf8").catch(() => "");
  if (installed === lock) return;
  for (const name of PACKAGES) await cp(join(SOURCES, "npm", name), join(home, name));
  await runStep(run, "npm", ["npm", "ci"], { cwd: home });
  await writeFile(join(home, "installed-lock.json"), lock);
}

const binary = ({ home }: OpenApiRun, name: string): string => join(home, "npm", "node_modules", ".bin", name);

/** Both linters, without an error or a warning; two generators of TypeScript, whose clients compile and work. */
export async function runNpmTools(run: OpenApiRun): Promise<void> {
  const { checks, document } = run;
  await checks.require("npm tools are installed", () => install(run));
  await checks.check("Redocly finds nothing", async () => {
    await runStep(run, "redocly", [binary(run, "redocly"), "lint", document, "--config", join(SOURCES, "redocly.yaml")]);
    return undefined;
  });
  await checks.check("Spectral finds nothing", async () => {
    const options = ["--ruleset", join(SOURCES, "spectral.yaml"), "--fail-severity", "hint"];
    await runStep(run, "spectral", [binary(run, "spectral"), "lint", document, ...options]);
    return undefined;
  });
  const folder = await copyClient(run, "typescript");
  await linkNodeModules(run, folder);
  await checks.check("openapi-typescript and openapi-fetch", async () => {
    const output = join(folder, "generated", "schema.d.ts");
    await runStep(run, "openapi-typescript", [binary(run, "openapi-typescript"), document, "-o", output]);
    return runScenario(run, folder, "openapi-fetch");
  });
  await checks.check("the client's types are those of the document", () => compareClientTypes(run));
  await checks.check("@hey-api/openapi-ts", async () => {
    await runStep(run, "hey-api", [binary(run, "openapi-ts"), "-i", document, "-o", join(folder, "generated", "hey-api")]);
    return runScenario(run, folder, "hey-api");
  });
}

/** Compares the client's types with newly made ones, or writes these in their place. */
async function compareClientTypes(run: OpenApiRun): Promise<undefined> {
  const part = typedPart(await readFile(run.document, "utf8"));
  const input = join(run.folder, "typed-part.json");
  const output = join(run.folder, "client-types.ts");
  await writeFile(input, part);
  await runStep(run, "client-types", [binary(run, "openapi-typescript"), input, "--immutable", "-o", output]);
  const types = `${madeOf(part)}\n${await readFile(output, "utf8")}`;
  if (run.writesClientTypes) await writeFile(CLIENT_TYPES, types);
  if (types === (await readFile(CLIENT_TYPES, "utf8"))) return;
  throw new Error(`${CLIENT_TYPES} differs from what the document gives: run \`npm run openapi -- --write-client-types\``);
}

async function runScenario(run: OpenApiRun, folder: string, client: string): Promise<undefined> {
  const project = JSON.stringify({ extends: "./tsconfig.json", files: [`${client}.ts`] });
  await writeFile(join(folder, `${client}.json`), project);
  await runStep(run, client, [binary(run, "tsc"), "-p", join(folder, `${client}.json`)]);
  const program = join(folder, `${client}.ts`);
  await runStep(run, client, [process.execPath, "--import", "tsx", program, ...scenarioArguments(run, client)]);
}
