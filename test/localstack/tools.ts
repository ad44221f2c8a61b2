import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PYTHONS = ["python3.13", "python3.14", "python3", "python"];
/** Before 3.13 `threading.Lock` is no type, which LocalStack's annotations take it for. */
const PYTHON_OK = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 13))";
/** What DynamoDB Local runs on. */
const JAVA_VERSION_MIN = 17;

/** A Python of 3.13 or newer that can make virtual environments: on the path, or among those of pyenv. */
export async function findPython(): Promise<string | undefined> {
  for (const name of [...PYTHONS, ...(await pyenvPythons())]) {
    const fits = await run(name, ["-c", PYTHON_OK]).then(
      () => true,
      () => false,
    );
    if (fits) return name;
  }
  return undefined;
}

async function pyenvPythons(): Promise<readonly string[]> {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions");
  const names = await readdir(versions).catch(() => []);
  return names.map((name) => join(versions, name, "bin", "python3"));
}

/** The home of a Java that is new enough. */
export async function findJavaHome(): Promise<string | undefined> {
  const settings = await run("java", ["-XshowSettings:properties", "-version"]).then(
    ({ stderr }) => stderr,
    () => "",
  );
  const property = (name: string) => new RegExp(`^\\s*${name.replaceAll(".", "\\.")} = (.*)$`, "m").exec(settings)?.[1];
  return Number(property("java.specification.version")) >= JAVA_VERSION_MIN ? property("java.home") : undefined;
}

/** Whether a Docker engine answers, not just its client. */
export const dockerAnswers = (): Promise<boolean> =>
  run("docker", ["info", "--format", "{{.ServerVersion}}"]).then(
    ({ stdout }) => stdout.trim() !== "",
    () => false,
  );
