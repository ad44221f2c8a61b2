import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";

let turn: Promise<unknown> = Promise.resolve();

/**
 * All addresses of a name according to the system's resolver, which knows search domains and the machine's other settings; none if it
 * fails. While a name server is silent, it occupies one of the few threads that store connections also use for lookups, and it cannot
 * be cancelled. So the whole process asks for one name at a time.
 */
export function askSystem(name: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
  const asked = turn.then(async () => (signal.aborted ? [] : lookup(name, { all: true }).catch(() => [])));
  turn = asked;
  return asked;
}
