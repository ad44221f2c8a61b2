import type { LookupAddress } from "node:dns";
import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The first try of each name server; the second gets about twice as long. One silent server takes four seconds. */
const TRY_MS = 1_000;
const TRIES = 2;
/** Once one family of addresses is known, how long the other is awaited: some servers never answer for IPv6. */
const OTHER_FAMILY_MS = 250;

export interface NameServersAnswer {
  readonly addresses: readonly LookupAddress[];
  /** No server answered in time, or the question was cancelled. Asking them in another way would take as long. */
  readonly silent: boolean;
}

/**
 * The addresses of a name according to the system's name servers, IPv4 first. It asks over its own sockets, without threads, and ends
 * when `signal` aborts. Limit: one name, exactly as written, without search domains.
 */
export async function askNameServers(
  name: string,
  signal: AbortSignal,
  servers: readonly string[] | undefined,
): Promise<NameServersAnswer> {
  // A resolver reads the system's settings when it is made. Each name has its own, so that it can be cancelled alone.
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const enough = new AbortController();
  try {
    const families = [
      resolver.resolve4(name).then((found) => found.map((address): LookupAddress => ({ address, family: 4 }))),
      resolver.resolve6(name).then((found) => found.map((address): LookupAddress => ({ address, family: 6 }))),
    ];
    if (signal.aborted) cancel();
    const all = Promise.allSettled(families);
    const one = Promise.any(families).then(() => sleep(OTHER_FAMILY_MS, undefined, { signal: enough.signal }));
    await Promise.race([all, one.catch(() => all)]);
    cancel();
    const answers = await all;
    return {
      addresses: answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : [])),
      silent: answers.some((answer) => answer.status === "rejected" && isSilence(answer.reason)),
    };
  } finally {
    enough.abort();
    signal.removeEventListener("abort", cancel);
  }
}

const isSilence = (reason: NodeJS.ErrnoException): boolean => reason.code === "ETIMEOUT" || reason.code === "ECANCELLED";
