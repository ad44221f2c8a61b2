import { cp, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { copyClient, type OpenApiRun, runStep, SOURCES, scenarioArguments } from "./openapi-run.ts";
import { runServer } from "./run-server.ts";

/** Installs what is needed of PyPI, in a virtual environment that is kept. */
async function install(run: OpenApiRun, python: string): Promise<undefined> {
  const venv = join(run.home, "venv");
  const requirements = await readFile(join(SOURCES, "requirements.txt"), "utf8");
  const installed = await readFile(join(venv, "requirements.txt"), "utf8").catch(() => "");
  if (installed === requirements) return;
  await runStep(run, "pip", [python, "-m", "venv", "--clear", venv]);
  const pip = [join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] as const;
  await runStep(run, "pip", [...pip, "-r", join(SOURCES, "requirements.txt")]);
  await writeFile(join(venv, "requirements.txt"), requirements);
}

const binary = ({ home }: OpenApiRun, name: string): string => join(home, "venv", "bin", name);

/** A validator; a generated client that is used as its types say, and works; and requests of all kinds, answered as the document has it. */
export async function runPythonTools(run: OpenApiRun, python: string): Promise<void> {
  const { checks, document } = run;
  await checks.require("Python tools are installed", () => install(run, python));
  await checks.check("openapi-spec-validator finds nothing", async () => {
    await runStep(run, "openapi-spec-validator", [binary(run, "openapi-spec-validator"), "--errors", "all", document]);
    return undefined;
  });
  await checks.check("openapi-python-client", () => runClient(run));
  await checks.check("schemathesis", () => runSchemathesis(run));
}

async function runClient(run: OpenApiRun): Promise<undefined> {
  const cwd = await copyClient(run, "python");
  const generate = ["generate", "--path", run.document, "--output-path", "apogee_client", "--meta", "none", "--fail-on-warning"];
  // The generator formats with ruff, which it finds by the path.
  const env = { PATH: [join(run.home, "venv", "bin"), process.env.PATH].join(delimiter) };
  const name = "openapi-python-client";
  await runStep(run, name, [binary(run, name), ...generate], { cwd, env });
  await runStep(run, name, [binary(run, "mypy"), "--strict", "--follow-imports=silent", "scenario.py"], { cwd });
  await runStep(run, name, [binary(run, "python"), "scenario.py", ...scenarioArguments(run, "python")], { cwd });
}

/** Against a server of its own, which its hooks are told too: they keep there what requests are to meet. */
async function runSchemathesis(run: OpenApiRun): Promise<undefined> {
  const cwd = join(run.folder, "schemathesis");
  await cp(join(SOURCES, "schemathesis"), cwd, { recursive: true });
  const server = await runServer(run.folder, "schemathesis-server");
  try {
    const options = ["--url", server.url, "--continue-on-failure", "--no-color"];
    const env = { SERVER_URL: server.url };
    await runStep(run, "schemathesis", [binary(run, "schemathesis"), "run", run.document, ...options], { cwd, env });
  } finally {
    await server.stop();
  }
}
