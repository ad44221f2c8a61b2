import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";

let turn: Promise<unknown> = Promise.resolve();

/**
 * All addresses of a name by the system's resolver, which knows search domains and whatever else the machine is set up with; none where
 * it fails. It takes one of the few threads that connections to the stores look names up on too, for as long as a name server is
 * silent, and cannot be called off. So one name is asked at a time in the whole process.
 */
export function askSystem(name: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
  const asked = turn.then(async () => (signal.aborted ? [] : lookup(name, { all: true }).catch(() => [])));
  turn = asked;
  return asked;
}
