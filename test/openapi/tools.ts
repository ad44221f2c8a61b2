import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

const PYTHONS = ["python3", "python"];
const PYTHON_OK = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
/** As go.mod has it. */
const GO_MINOR_MIN = 26;
const JAVA_VERSION_MIN = 11;

const outputOf = (file: string, ...args: string[]): Promise<string | undefined> =>
  run(file, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    () => undefined,
  );

/** A Python that can make virtual environments and is new enough for every tool. */
export async function findPython(): Promise<string | undefined> {
  for (const name of PYTHONS) if ((await outputOf(name, "-c", PYTHON_OK)) !== undefined) return name;
  return undefined;
}

export async function hasGo(): Promise<boolean> {
  const minor = /go1\.(\d+)/.exec((await outputOf("go", "version")) ?? "")?.[1];
  return Number(minor) >= GO_MINOR_MIN;
}

/** A compiler of Java, and Maven. */
export async function hasJava(): Promise<boolean> {
  const [javac, maven] = await Promise.all([outputOf("javac", "-version"), outputOf("mvn", "-version")]);
  return Number(/javac (\d+)/.exec(javac ?? "")?.[1]) >= JAVA_VERSION_MIN && maven !== undefined;
}
