import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Processes } from "../e2e/processes.ts";
import { findPython, hasGo, hasJava } from "../openapi/tools.ts";
import type { Language } from "./cases.ts";

const SOURCES = resolve("test/clients");

export interface Installation {
  readonly processes: Processes;
  /** Kept between runs. */
  readonly home: string;
  /** Of this run: for logs. */
  readonly folder: string;
}

/** How a language's program is started, before its arguments. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClientLanguage {
  readonly name: Language;
  readonly title: string;
  /** What this machine lacks to run it. */
  missing(): Promise<string | undefined>;
  install(installation: Installation): Promise<Program>;
}

interface Step {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command whose output goes to a log of the language. Errors: the last lines of it, unless it ends with 0. */
const runStep = (
  { processes, folder }: Installation,
  language: Language,
  [file, ...args]: readonly [string, ...string[]],
  { cwd, env }: Step = {},
): Promise<void> =>
  processes.run({
    file,
    args,
    env: { ...process.env, ...env },
    logFile: join(folder, `${language}-install.log`),
    ...(cwd === undefined ? {} : { cwd }),
  });

async function installJava(installation: Installation): Promise<Program> {
  const cwd = join(installation.home, "java");
  await cp(join(SOURCES, "java"), cwd, { recursive: true });
  const maven = ["mvn", "-B", "-q", "compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"] as const;
  await runStep(installation, "java", maven, { cwd });
  const classPath = [join(cwd, "target", "classes"), join(cwd, "target", "lib", "*")].join(":");
  // The client writes its log below the home folder.
  return { file: "java", args: [`-Duser.home=${installation.folder}`, "-cp", classPath, "Clients"] };
}

async function installPython(installation: Installation): Promise<Program> {
  const venv = join(installation.home, "venv");
  const binary = join(venv, "bin", "python");
  const wanted = join(SOURCES, "python", "requirements.txt");
  const requirements = await readFile(wanted, "utf8");
  if ((await readFile(join(venv, "requirements.txt"), "utf8").catch(() => "")) !== requirements) {
    await runStep(installation, "python", [(await findPython()) ?? "python3", "-m", "venv", "--clear", venv]);
    const pip = [binary, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted] as const;
    await runStep(installation, "python", pip);
    await writeFile(join(venv, "requirements.txt"), requirements);
  }
  const env = { PYTHONDONTWRITEBYTECODE: "1", HOME: installation.folder };
  return { file: binary, args: [join(SOURCES, "python", "clients.py")], env };
}

async function installGo(installation: Installation): Promise<Program> {
  const file = join(installation.home, "go", "clients");
  await mkdir(join(installation.home, "go"), { recursive: true });
  // Go as it is installed, and not a newer one that it fetches.
  const env = { GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" };
  const cwd = join(SOURCES, "go");
  await runStep(installation, "go", ["go", "vet", "./..."], { cwd, env });
  await runStep(installation, "go", ["go", "build", "-o", file, "."], { cwd, env });
  return { file, args: [], env: { "rocketmq.client.logRoot": installation.folder } };
}

const whereMissing = async (found: Promise<unknown>, what: string): Promise<string | undefined> =>
  (await found) ? undefined : what;

export const LANGUAGES: readonly ClientLanguage[] = [
  {
    name: "java",
    title: "Java",
    missing: () => whereMissing(hasJava(), "Java 11 or newer with Maven"),
    install: installJava,
  },
  {
    name: "python",
    title: "Python",
    missing: () => whereMissing(findPython(), "Python 3.11 or newer with venv"),
    install: installPython,
  },
  { name: "go", title: "Go", missing: () => whereMissing(hasGo(), "Go 1.26 or newer"), install: installGo },
];
