import type { Item } from "../ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import type { CheckTimer } from "../timer/timer.ts";
import type { TimerBell } from "../wake/timer-bell.ts";
import {
  type AskedGroup,
  type AskedGroupOf,
  type CheckingTransactions,
  type CheckMade,
  checkTransaction,
  putOff,
} from "./check-transaction.ts";
import { halfMessageKey } from "./half-message.ts";
import { sideBySide } from "./side-by-side.ts";
import { CHECKS_WRITTEN_AT_ONCE } from "./transaction-limits.ts";

export interface ChecksDue extends CheckingTransactions {
  readonly bell: TimerBell;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Makes due checks, CHECKS_PER_BATCH_MAX at most: their half messages are read together, and the checks are made in parallel. Answers
 * the checks that met another process ending or checking their transaction: they stay due. All are tried before the first failure is
 * thrown. A repeat does not make a check again.
 * Errors: `StoreUnavailable`.
 */
export async function checksDue(
  checking: ChecksDue,
  timers: readonly CheckTimer[],
): Promise<{ readonly left: readonly CheckTimer[] }> {
  const halves = await readHalves(checking, timers);
  const groupOf = askedGroups(checking);
  const left: CheckTimer[] = [];
  let nextMs = Number.POSITIVE_INFINITY;
  const errors = await sideBySide(timers, CHECKS_WRITTEN_AT_ONCE, async (timer) => {
    const made = await makeCheck(checking, timer, groupOf, halves && { item: halves.get(timer.id) });
    if (made === "conflict") left.push(timer);
    else nextMs = Math.min(nextMs, made.nextMs ?? nextMs);
  });
  if (nextMs < Number.POSITIVE_INFINITY) await checking.bell.written(nextMs);
  if (errors.length > 0) throw errors[0];
  return { left };
}

/**
 * The half messages by transaction: a transaction may have two checks here, if another process has made the first. `undefined`: one
 * half message cannot be read, so each is read alone.
 */
async function readHalves(
  { items }: ChecksDue,
  timers: readonly CheckTimer[],
): Promise<ReadonlyMap<string, Item | undefined> | undefined> {
  const ids = [...new Set(timers.map(({ id }) => id))];
  try {
    const halves = await items.batchGet(ids.map(halfMessageKey));
    return new Map(ids.map((id, at) => [id, halves[at]]));
  } catch (error) {
    if (StoreCorrupt.is(error)) return undefined;
    throw error;
  }
}

async function makeCheck(
  checking: ChecksDue,
  timer: CheckTimer,
  groupOf: AskedGroupOf,
  read: { readonly item: Item | undefined } | undefined,
): Promise<CheckMade | "conflict"> {
  try {
    return await checkTransaction(checking, timer, groupOf, read);
  } catch (error) {
    if (StoreUnavailable.is(error) && error.reason === "conflict" && error.outcome !== "unknown") return "conflict";
    if (!StoreCorrupt.is(error)) throw error;
    checking.onFailure(error);
    return putOff(checking, timer);
  }
}

/** Looks each group up once per batch, since a group without settings is in no cache. */
function askedGroups({ producerGroups, postedChecks }: ChecksDue): AskedGroupOf {
  const known = new Map<string, Promise<AskedGroup>>();
  const lookUp = async (name: string): Promise<AskedGroup> => {
    const settings = await producerGroups.lookUp(name);
    return { settings, endpoint: await postedChecks.endpointOf(settings) };
  };
  return (name) => {
    const asked = known.get(name) ?? lookUp(name);
    known.set(name, asked);
    return asked;
  };
}
