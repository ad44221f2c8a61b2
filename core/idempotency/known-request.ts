import { knownRequestKey } from "../keys.ts";
import { IDEMPOTENCY_WINDOW_MS, REQUEST_RUN_MS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";

/** A request whose repeats are recognised. */
export interface KeyedRequest {
  /** Hash of the caller, the route and the caller's key. */
  readonly id: string;
  /** Hash of the whole request. Another one under the same id is another request. */
  readonly fingerprint: string;
}

/**
 * The stored state of a request.
 *
 *   i#<request id>  i    [f] fingerprint · [s] state · [o] owner · [d] deadline ms · [r] reply, or [a] its outline · [x] expiry
 *
 * - `running`: its owner is running it. An owner that has not ended by the deadline has died, and a repeat takes over.
 * - `open`: it failed, perhaps half done, and a repeat may mend that. Only the same request may take over, at once.
 * - `done`: it is answered with the reply until it expires. If the reply was too large to keep, it is made again from the outline, or
 *   by running again. Older versions know no outlines, and run again.
 *
 * New and expired requests are absent, and failed ones that changed nothing. A process that takes over becomes the owner with a new
 * token, so an earlier owner that wakes up late changes nothing.
 */
export interface KnownRequest {
  readonly fingerprint: string;
  readonly state: "running" | "open" | "done";
  readonly owner: string;
  readonly deadlineMs: number;
  readonly reply: Uint8Array | undefined;
  readonly outline: Uint8Array | undefined;
  readonly expiresAtMs: number;
}

export const knownRequestOf = (item: Item): KnownRequest => ({
  fingerprint: item.f as string,
  state: item.s as KnownRequest["state"],
  owner: item.o as string,
  deadlineMs: item.d as number,
  reply: item.r as Uint8Array | undefined,
  outline: item.a as Uint8Array | undefined,
  expiresAtMs: (item.x as number) * 1_000,
});

export const runningItem = (request: KeyedRequest, owner: string, nowMs: number): Item => ({
  ...knownRequestKey(request.id),
  f: request.fingerprint,
  s: "running",
  o: owner,
  d: nowMs + REQUEST_RUN_MS_MAX,
  x: Math.ceil((nowMs + IDEMPOTENCY_WINDOW_MS) / 1_000),
});

export const ownedBy = (owner: string): readonly Condition[] => [{ op: "=", name: "o", value: owner }];

/** An owner has each state only once, so nothing happened since the request was seen in this one. */
export const isAsMet = ({ owner, state }: KnownRequest): readonly Condition[] => [
  ...ownedBy(owner),
  { op: "=", name: "s", value: state },
];

/** The same request may take over at once. */
export const OPENED: readonly Change[] = [{ op: "set", name: "s", value: "open" }];

/** A repeat is answered with the reply or from the outline; without either, it runs again. */
export const endedWith = ({ reply, outline }: Pick<KnownRequest, "reply" | "outline">): readonly Change[] => [
  { op: "set", name: "s", value: "done" },
  ...(reply ? [{ op: "set", name: "r", value: reply } as const] : []),
  ...(outline ? [{ op: "set", name: "a", value: outline } as const] : []),
];
