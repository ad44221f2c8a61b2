/** What an account lets run at once, all functions together. */
export interface AccountConcurrency {
  readonly quota: number;
  /** What of it no function outside this deployment has reserved. */
  readonly free: number;
}

/** What is reserved for each function: so many of it run at once at most, and others cannot take these away. */
export interface Shares {
  readonly api: number | undefined;
  readonly scanner: number | undefined;
}

/** One that fires, one that relieves it, and two that were rung meanwhile. */
const SCANNERS = 4;
/** Lambda lets no account reserve so much that less than this is left for functions that have nothing reserved. */
const LEFT_MIN = 100;

/**
 * The scanner's share comes first: without one, consumers that wait can take all there is, and nothing falls due any more. The API
 * gets half of the quota as its bound, unless `wanted` says another. What cannot be reserved is left out, since Lambda would
 * refuse the deployment: all of it in a new account, which may run 10 at once. `account`: undefined where nobody knows.
 */
export function shareConcurrency(account: AccountConcurrency | undefined, wanted: number | undefined): Shares {
  const room = account === undefined ? 0 : account.free - LEFT_MIN;
  const scanner = room - (wanted ?? 0) >= SCANNERS ? SCANNERS : undefined;
  if (wanted !== undefined || account === undefined || scanner === undefined) return { api: wanted, scanner };
  const half = Math.floor(account.quota / 2);
  return { api: room - scanner >= half ? half : undefined, scanner };
}
