import { RESET_LATE_MS_MAX } from "../../core/limits.ts";
import type { SettleEntry, SettleResult } from "../../core/requests.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import { placeOf, type Seen } from "./audit/seen.ts";
import type { Outcome, Try, Verb } from "./audit/settling-auditor.ts";
import { GROUP, orderKeyOf } from "./scenario.ts";
import type { Consumer } from "./stage.ts";
import { call, type Stage, seenOf } from "./stage.ts";

/** More than any two clocks can differ. */
const LEASE_MARGIN_MS = 3_000;
/** How far a clock may be behind. */
const SKEW_MS_MAX = 1_000;
const SETTLE_MS = 15_000;
const DUPLICATE_MS_MAX = 9_000;

type Wish =
  | { readonly action: "ack" | "deadLetter" }
  | { readonly action: "nack"; readonly delayMs: number; readonly countAttempt: boolean }
  | { readonly action: "extend"; readonly leaseMs: number; readonly mayShorten?: true; readonly countAttempt?: boolean };

/** When leases end at the earliest that their holders may have shortened. */
const shortenedMs = new WeakMap<ReceivedMessage, number>();

/** One message of a request to settle. */
interface Settling {
  readonly message: ReceivedMessage;
  readonly wish: Wish;
  readonly heldMs: number;
  /** The messages that change with it: all of its order key in this delivery. */
  readonly claim: readonly ReceivedMessage[];
  /** Another request names the same delivery. */
  readonly contradicted: boolean;
  /** The outcome of the same request before. */
  readonly original?: Try;
}

/** Settles held messages: together or one by one, at times twice, and at times against another consumer's decision. */
export async function settle(
  stage: Stage,
  consumer: Consumer,
  held: readonly ReceivedMessage[],
  heldMs: number,
  decide: (message: ReceivedMessage) => Wish | undefined = inOrder(stage),
): Promise<void> {
  const { world, scenario } = stage;
  const { singly, contradict, duplicate } = scenario.consuming;
  const settlings: Settling[] = [];
  const others: Settling[] = [];
  for (const message of held) {
    const wish = decide(message);
    if (!wish) continue;
    const contradicted = wish.action !== "extend" && world.random.chance(contradict);
    const claim = claimOf(message, held);
    settlings.push({ message, wish, heldMs, claim, contradicted });
    if (contradicted) others.push({ message, wish: wishOf(stage), heldMs, claim, contradicted });
  }
  const requests = world.random.chance(singly) ? settlings.map((one) => [one]) : [settlings];
  for (const request of [...requests, others].filter(({ length }) => length > 0)) {
    const doubtful = request.map((one) => (isDoubtful(one, others) ? { ...one, contradicted: true } : one));
    const once = ask(stage, consumer, doubtful);
    if (world.random.chance(duplicate)) stage.beside(once.then((tries) => repeat(stage, consumer, doubtful, tries)));
    // Others do not wait for each other.
    if (others.length > 0 && world.random.chance(0.5)) stage.beside(once.then(() => undefined));
    else await once;
  }
}

/** The messages that a nack of this message gives back, and whose leases end with its own. */
function claimOf(message: ReceivedMessage, held: readonly ReceivedMessage[]): readonly ReceivedMessage[] {
  const key = orderKeyOf(seenOf(message).body);
  if (key === undefined) return [message];
  return held.filter((other) => other.queueId === message.queueId && orderKeyOf(seenOf(other).body) === key);
}

/** Whether another request may also end this delivery: a nack of an ordered message gives back its whole claim. */
const isDoubtful = ({ message }: Settling, others: readonly Settling[]): boolean =>
  orderKeyOf(seenOf(message).body) !== undefined && others.some((other) => other.message.queueId === message.queueId);

/** The network delivers a request twice, or its client repeats it. Nobody acts on the answer. */
async function repeat(
  stage: Stage,
  consumer: Consumer,
  settlings: readonly Settling[],
  originals: readonly Try[],
): Promise<void> {
  await stage.world.sleep(Math.floor(DUPLICATE_MS_MAX * stage.world.random.fraction() ** 2));
  await ask(
    stage,
    consumer,
    settlings.map((settling, index) => ({ ...settling, original: originals[index] as Try })),
  );
}

/** What one entry of a request may end: the message it names, and those behind it that its nack gives back. */
interface Tried {
  readonly own: Try;
  readonly behind: readonly { readonly seen: Seen; readonly tried: Try }[];
}

async function ask(stage: Stage, consumer: Consumer, settlings: readonly Settling[]): Promise<readonly Try[]> {
  const { world, auditor } = stage;
  const sentMs = world.nowMs;
  const tries = settlings.map((settling): Tried => {
    const { message, heldMs, wish, claim } = settling;
    const times = { heldMs, sentMs, leaseUntilMs: message.leaseUntilMs };
    const own = seenOf(message);
    const behind = wish.action === "nack" ? claim.map(seenOf).filter((seen) => placeOf(seen) !== placeOf(own)) : [];
    return {
      own: auditor.settleStarted(own, verbOf(settling), times),
      behind: behind.map((seen) => ({ seen, tried: auditor.settleStarted(seen, "nack", times) })),
    };
  });
  for (const { wish, claim } of settlings.filter(givesUp))
    for (const message of claim) {
      if (wish.action !== "extend") auditor.release(consumer.name, seenOf(message));
      else auditor.shortened(consumer.name, seenOf(message), shortened(message, sentMs + wish.leaseMs) - consumer.skewMs);
    }
  const entries = settlings.map(({ message, wish }): SettleEntry => ({ ...wish, receiptHandle: message.receiptHandle }));
  const results = await call(stage, (broker) => broker.settleMessages(GROUP, entries), SETTLE_MS);
  for (const [index, settling] of settlings.entries())
    conclude(stage, consumer, settling, tries[index] as Tried, results === "unknown" ? undefined : results[index]);
  return tries.map(({ own }) => own);
}

/** A request that is made twice counts once. */
function verbOf({ wish, original, contradicted }: Settling): Verb {
  if (wish.action === "extend") return wish.mayShorten ? "shorten" : "extend";
  return wish.action === "nack" && !wish.countAttempt && !original && !contradicted ? "uncountedNack" : wish.action;
}

/** Notes that the lease may end at the time that an unknown clock shows then, if it does not end sooner. Answers when that is. */
function shortened(message: ReceivedMessage, dueMs: number): number {
  const endMs = Math.min(endOf(message), Math.floor(dueMs) - SKEW_MS_MAX - 1);
  shortenedMs.set(message, endMs);
  return endMs;
}

const endOf = (message: ReceivedMessage): number => shortenedMs.get(message) ?? message.leaseUntilMs;

/**
 * Whether others may get the message from now on, or sooner than before. A repeat of a done request must leave a later delivery alone.
 * But a repeat that shortens a lease shortens it anew.
 */
const givesUp = ({ wish, original }: Settling): boolean =>
  wish.action === "extend"
    ? wish.mayShorten === true
    : (wish.action === "nack" || wish.action === "deadLetter") && original?.outcome !== "done";

function conclude(
  stage: Stage,
  consumer: Consumer,
  settling: Settling,
  { own: tried, behind }: Tried,
  result: SettleResult | undefined,
): void {
  const { world, auditor } = stage;
  const { message, wish, contradicted, original } = settling;
  const { name, skewMs } = consumer;
  const seen = seenOf(message);
  const nowMs = world.nowMs;
  const running = nowMs + LEASE_MARGIN_MS < endOf(message);
  world.note(
    `${name} ${original ? "again " : ""}${wish.action} of ${placeOf(seen)}: ${result?.status === "error" ? result.error.code : (result?.status ?? "silence")}`,
  );
  const outcome = outcomeOf(stage, settling, result, running);
  auditor.settleEnded(seen, tried, outcome, nowMs);
  for (const other of behind) auditor.settleEnded(other.seen, other.tried, outcome, nowMs);
  if (original) return;
  if (isLost(result) && !contradicted && wish.action !== "deadLetter") {
    // Whoever believes to hold a message does: by this delivery, if its lease runs. Another settle of it may be under way; only an
    // ack is answered alike then, where its work can be looked up.
    const sure = running && wish.action === "ack" && (!stage.repliesGetLost || !stage.claimsMoved());
    if (sure && auditor.holds(name, seen, nowMs)) auditor.holderRefused(name, seen);
  }
  if (result?.status === "extended" && wish.action === "extend" && !contradicted) {
    // Clocks show whole milliseconds.
    const early = result.leaseUntilMs < Math.floor(tried.sentMs) + wish.leaseMs - SKEW_MS_MAX - 1;
    const late = wish.mayShorten && result.leaseUntilMs > nowMs + wish.leaseMs + SKEW_MS_MAX + RESET_LATE_MS_MAX + 1;
    if (early || late) auditor.extendedInVain(name, seen);
    // A lease of no time is nobody's.
    if (wish.leaseMs > 0) auditor.extended(name, seen, result.leaseUntilMs - skewMs, nowMs);
  } else if (wish.action !== "extend") {
    // An answer to another receive may have come meanwhile, with what this request was about to give back.
    for (const released of [seen, ...behind.map((other) => other.seen)]) auditor.release(name, released);
  }
  if (result?.status === "nacked" && wish.action === "nack") {
    auditor.liveness?.givenBack(seen, nowMs + wish.delayMs, tried.heldMs);
    auditor.turns?.givenBack(seen, nowMs + wish.delayMs, tried.heldMs);
  }
}

const isLost = (result: SettleResult | undefined): boolean => result?.status === "error" && result.error.code === "LEASE_LOST";

/** If replies get lost inside, a request that worked may be answered as refused: after its lease, or where nobody can look it up. */
function outcomeOf(
  stage: Stage,
  { message, wish, original }: Settling,
  result: SettleResult | undefined,
  running: boolean,
): Outcome {
  // Whoever settles with a handle from before a lease was shortened may be told what another consumer did after its end.
  const over = shortenedMs.has(message) && !running;
  if (result && result.status !== "error") return over && wish.action !== "extend" ? "maybe" : "done";
  if (!isLost(result)) return "maybe";
  if (!stage.repliesGetLost) return "refused";
  return wish.action === "ack" && running && !original && !stage.claimsMoved() ? "refused" : "maybe";
}

/** Filters requests: a nack of an ordered message gives back all of its order key in this delivery, so later ones are left out. */
function inOrder(stage: Stage) {
  const givenBack = new Set<string>();
  return (message: ReceivedMessage): Wish | undefined => {
    const key = orderKeyOf(seenOf(message).body);
    const place = `${message.queueId}/${key}`;
    if (key !== undefined && givenBack.has(place)) return undefined;
    if (stage.world.random.chance(stage.scenario.consuming.leave)) return undefined;
    const wish = wishOf(stage);
    if (key === undefined || wish.action !== "nack") return wish;
    givenBack.add(place);
    return wish;
  };
}

function wishOf({ world: { random }, scenario: { consuming } }: Stage): Wish {
  const { nack, extend, deadLetter } = consuming;
  const choice = random.fraction();
  if (choice < nack)
    return {
      action: "nack",
      delayMs: random.pick(consuming.nackDelayMs),
      countAttempt: random.chance(consuming.countAttempt),
    };
  if (choice < nack + extend) return { action: "extend", leaseMs: random.pick([1_000, 8_000]) };
  return { action: choice < nack + extend + deadLetter ? "deadLetter" : "ack" };
}
