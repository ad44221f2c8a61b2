import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
export const MINISTACK_VERSION = "1.5.33";
const PYTHON_OK = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
const INSTALLED = "from importlib.metadata import version; print(version('ministack'))";

const succeeds = (file: string, ...args: string[]): Promise<boolean> =>
  run(file, args).then(
    () => true,
    () => false,
  );

/** What the run needs of the machine, by name, as far as it is missing. */
export async function missingTools(): Promise<readonly string[]> {
  const missing: string[] = [];
  if ((await findPython()) === undefined) missing.push("Python 3.10 or newer with venv");
  if (!(await succeeds("openssl", "version"))) missing.push("openssl");
  return missing;
}

async function findPython(): Promise<string | undefined> {
  for (const name of ["python3", "python"]) if (await succeeds(name, "-c", PYTHON_OK)) return name;
  return undefined;
}

/** A Python that has MiniStack, in a virtual environment in `folder` that is made once and kept. Returns its interpreter. */
export async function installMinistack(folder: string): Promise<string> {
  const python = `${folder}/bin/python`;
  const installed = await run(python, ["-c", INSTALLED]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (installed === MINISTACK_VERSION) return python;
  const base = await findPython();
  if (base === undefined) throw new Error("there is no Python");
  await run(base, ["-m", "venv", "--clear", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `ministack==${MINISTACK_VERSION}`]);
  return python;
}
