/** How many invocations an account lets run at once, over all functions. */
export interface AccountConcurrency {
  readonly quota: number;
  /** The part of it that no function outside this deployment has reserved. */
  readonly free: number;
}

/** The reservation of each function: at most so many of it run at once, and other functions cannot take them. */
export interface Shares {
  readonly api: number | undefined;
  readonly scanner: number | undefined;
}

/** One that fires, one that relieves it, and two that were rung in between. */
const SCANNERS = 4;
/** Lambda refuses reservations that leave less than this for functions without one. */
const LEFT_MIN = 100;

/**
 * The scanner's share comes first: without it, waiting consumers could take all there is, and no timer would fire. The API is limited
 * to half of the quota, unless `wanted` says otherwise. Shares that cannot be reserved are left out, since Lambda would refuse the
 * deployment: both of them in a new account, which may run 10 at once. `account`: undefined if unknown.
 */
export function shareConcurrency(account: AccountConcurrency | undefined, wanted: number | undefined): Shares {
  const room = account === undefined ? 0 : account.free - LEFT_MIN;
  const scanner = room - (wanted ?? 0) >= SCANNERS ? SCANNERS : undefined;
  if (wanted !== undefined || account === undefined || scanner === undefined) return { api: wanted, scanner };
  const half = Math.floor(account.quota / 2);
  return { api: room - scanner >= half ? half : undefined, scanner };
}
