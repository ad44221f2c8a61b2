import type { LookupAddress } from "node:dns";
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";

type Names = ReadonlyMap<string, readonly LookupAddress[]>;

const PATH = process.platform === "win32" ? `${process.env.SystemRoot}\\System32\\drivers\\etc\\hosts` : "/etc/hosts";
/** A change of the file is noticed after this long. */
const KEPT_MS = 5_000;
const NOTHING: Names = new Map();

/** The names of the hosts file, so that they mean the same as for other programs. An unreadable file has none. */
export class HostsFile {
  readonly #path: string;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Shared by concurrent callers: the file is read once at a time. */
  #names: Promise<Names> = Promise.resolve(NOTHING);
  #version = "";

  constructor(path = PATH) {
    this.#path = path;
  }

  /** `name` in lower case. No addresses: it is not in the file. */
  async addressesOf(name: string): Promise<readonly LookupAddress[]> {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs >= KEPT_MS) {
      this.#lookedAtMs = nowMs;
      const known = this.#names;
      this.#names = this.#read(known).catch(() => NOTHING);
    }
    return (await this.#names).get(name) ?? [];
  }

  async #read(known: Promise<Names>): Promise<Names> {
    const { mtimeMs, size } = await stat(this.#path);
    const version = `${mtimeMs} ${size}`;
    if (version === this.#version) return known;
    const names = namesIn(await readFile(this.#path, "utf8"));
    this.#version = version;
    return names;
  }
}

/** Lines of `address name name… # comment`; a name in several lines has all their addresses. */
function namesIn(text: string): Names {
  const names = new Map<string, LookupAddress[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...others] = line.replace(/#.*/, "").trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0) continue;
    for (const other of others) {
      const name = other.toLowerCase();
      const found = names.get(name);
      if (found) found.push({ address, family });
      else names.set(name, [{ address, family }]);
    }
  }
  return names;
}
