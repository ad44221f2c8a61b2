import { mkdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { UsageFailure } from "./failures.ts";
import { writeWhole } from "./whole-file.ts";

/** Where a broker is, and what opens it. */
export interface Context {
  readonly endpoint: string;
  readonly apiKey?: string | undefined;
}

/** What the file holds. */
export interface Contexts {
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The owner alone reads the file: it holds API keys. */
export const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export function contextsPath({ APOGEE_CONFIG, XDG_CONFIG_HOME }: NodeJS.ProcessEnv): string {
  return APOGEE_CONFIG || join(XDG_CONFIG_HOME || join(homedir(), ".config"), "apogee", "config.json");
}

/** None where there is no file. Errors: a `UsageFailure` for a file that is none of these. */
export async function readContexts(path: string): Promise<Contexts> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new UsageFailure(`${path} cannot be read: ${error.message}`);
  });
  if (text === undefined) return { contexts: {} };
  const { current, contexts } = parsed(text, path);
  return { current, contexts: Object.assign(Object.create(null), contexts) };
}

function parsed(text: string, path: string): Contexts {
  try {
    const value = JSON.parse(text) as Partial<Contexts> | null;
    const entries = Object.values(value?.contexts ?? Number.NaN);
    if (typeof value?.contexts === "object" && entries.every((one) => typeof one?.endpoint === "string"))
      return value as Contexts;
  } catch {
    // Said below.
  }
  throw new UsageFailure(`${path} is not a file of contexts: mend it or remove it.`);
}

/** Replaces the file as a whole: a reader finds the old one or the new one. */
export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await writeWhole(path, (file) => file.writeFile(`${JSON.stringify(contexts, undefined, 2)}\n`), FILE_MODE);
}

/** Permission bits of the file; `undefined` where there is none. */
export const modeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ mode }) => mode & 0o777,
    () => undefined,
  );
