import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { askNameServers } from "./ask-name-servers.ts";
import { HostsFile } from "./hosts-file.ts";
import type { Lookup } from "./resolve-host.ts";

export interface HostLookupsOptions {
  /** Whether to ask the system's resolver for names that the name servers do not know. */
  readonly searchSystem: boolean;
  /** `address:port`. Default: the system's name servers. */
  readonly servers?: readonly string[];
  /** Default: the system's. */
  readonly hostsFile?: string;
}

interface Shared {
  readonly found: Promise<readonly LookupAddress[]>;
  readonly nobodyWaits: AbortController;
  waiting: number;
}

const LOOPBACK: readonly LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/**
 * Looks up names of hosts. Concurrent callers for one name share a lookup. A lookup ends when nobody waits for it, so there are never
 * more lookups than callers, and none outlives them. A name is, in this order: an address itself, `localhost`, in the hosts file, known
 * to the name servers, or, if the options allow it, known to the system.
 */
export class HostLookups {
  readonly #options: HostLookupsOptions;
  readonly #hostsFile: HostsFile;
  readonly #shared = new Map<string, Shared>();

  constructor(options: HostLookupsOptions) {
    this.#options = options;
    this.#hostsFile = new HostsFile(options.hostsFile);
  }

  /** No addresses: the name is unknown, or `signal` aborted. */
  readonly lookUp: Lookup = async (host, signal) => {
    const shared = this.#shared.get(host) ?? this.#begin(host);
    shared.waiting += 1;
    let leave = (): void => undefined;
    const left = new Promise<readonly LookupAddress[]>((resolve) => {
      leave = () => resolve([]);
    });
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await Promise.race([shared.found, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      shared.waiting -= 1;
      if (shared.waiting === 0) this.#end(host, shared);
    }
  };

  #begin(host: string): Shared {
    const nobodyWaits = new AbortController();
    const shared = { found: this.#ask(host, nobodyWaits.signal), nobodyWaits, waiting: 0 };
    this.#shared.set(host, shared);
    return shared;
  }

  #end(host: string, shared: Shared): void {
    shared.nobodyWaits.abort();
    if (this.#shared.get(host) === shared) this.#shared.delete(host);
  }

  async #ask(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const family = isIP(host);
    if (family !== 0) return [{ address: host, family }];
    if (host === "localhost" || host.endsWith(".localhost")) return LOOPBACK;
    const listed = await this.#hostsFile.addressesOf(host);
    if (listed.length > 0) return listed;
    const { addresses, silent } = await askNameServers(host, signal, this.#options.servers);
    if (addresses.length > 0 || silent || !this.#options.searchSystem) return addresses;
    return askSystem(host, signal);
  }
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * All addresses of a name by the system's resolver, which knows search domains and whatever else the machine is set up with; none where
 * it fails. It takes one of the few threads that connections to the stores look names up on too, for as long as a name server is
 * silent, and cannot be called off. So one name is asked at a time in the whole process.
 */
function askSystem(name: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
  const asked = turn.then(async () => (signal.aborted ? [] : lookup(name, { all: true }).catch(() => [])));
  turn = asked;
  return asked;
}
