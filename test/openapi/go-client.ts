import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { copyClient, type OpenApiRun, runStep, scenarioArguments } from "./openapi-run.ts";

/** Go as it is installed, and not a newer one that it fetches. */
const env = { GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" };
const NAME = "oapi-codegen";

/** A generated client that compiles and works. */
export async function runGoClient(run: OpenApiRun): Promise<undefined> {
  const cwd = await copyClient(run, "go");
  await mkdir(join(cwd, "apogee"));
  const generate = ["-generate", "types,client", "-package", "apogee", "-o", "apogee/client.go", run.document];
  await runStep(run, NAME, ["go", "tool", "oapi-codegen", ...generate], { cwd, env });
  await runStep(run, NAME, ["go", "vet", "./..."], { cwd, env });
  await runStep(run, NAME, ["go", "run", ".", ...scenarioArguments(run, "go")], { cwd, env });
}
