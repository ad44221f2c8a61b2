import { copyClient, type OpenApiRun, runStep, scenarioArguments } from "./openapi-run.ts";

/** A generated client that compiles and works. The generator is a plugin of Maven. */
export async function runJavaClient(run: OpenApiRun): Promise<undefined> {
  const cwd = await copyClient(run, "java");
  const options = [`-Ddocument=${run.document}`, `-Dexec.args=${scenarioArguments(run, "java").join(" ")}`];
  await runStep(run, "openapi-generator", ["mvn", "-B", "-q", "compile", "exec:java", ...options], { cwd });
}
