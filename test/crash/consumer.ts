import type { SeededRandom } from "../support/seeded-random.ts";
import { fingerprint } from "./fingerprint.ts";
import { place, push } from "./group-history.ts";
import type { DeliveredEvent, HistoryEvent, SettledEvent } from "./history.ts";

/** The longest a message can stay out of reach: its lease, or a nack's delay. */
export const HELD_SECONDS_MAX = 2;

/** A consumer of a group, and what it takes to be one. */
export interface Consuming {
  readonly name: string;
  readonly group: string;
  /** Whether its group's messages may end as dead letters. */
  readonly mayDie: boolean;
  readonly random: SeededRandom;
  /** What its group has done so far: each action comes once before luck decides. */
  readonly answered: Set<SettledEvent["action"]>;
  /** `undefined` when the outcome is unknown. */
  readonly post: (path: string, request: unknown) => Promise<Record<string, unknown> | undefined>;
  readonly record: (event: HistoryEvent) => void;
  readonly unexpected: (what: string) => void;
}

interface Delivery extends DeliveredEvent {
  readonly messageGroup: string | undefined;
}

interface Decision {
  readonly action: SettledEvent["action"];
  readonly delivery: Delivery;
}

/** Receives, and acks most of what came; some is given back, extended first, dead-lettered or left to its lease. */
export const consume = async (one: Consuming): Promise<void> => {
  const { random } = one;
  const request = {
    max: random.integer(1, 32),
    waitSeconds: random.integer(0, 1),
    leaseSeconds: random.integer(1, HELD_SECONDS_MAX),
    ...(random.chance(0.3) ? { attemptId: `${one.name}-${random.integer(0, 1e9)}` } : {}),
  };
  let deliveries = await receive(one, request);
  // As after a lost answer: the same messages, under the same handles.
  if ("attemptId" in request && random.chance(0.5)) deliveries = await receive(one, request, deliveries);
  if (deliveries === undefined) return;
  const lines = new Map<string, Delivery[]>();
  for (const delivery of deliveries) push(lines, delivery.messageGroup ?? `${place(delivery)} alone`, delivery);
  const decisions = [...lines.values()].flatMap((line) => decide(one, line));
  const extended = await settle(
    one,
    decisions.filter(({ action }) => action === "extend"),
  );
  const others = decisions.filter(({ action }) => action !== "extend");
  await settle(one, [...others, ...extended.map((delivery) => ({ action: "ack", delivery }) as const)]);
};

/** Receives and acks everything there is within `waitSeconds`; answers how many there were, `undefined` when the request failed. */
export const drainOnce = async (one: Consuming, waitSeconds: number): Promise<number | undefined> => {
  const deliveries = await receive(one, { max: 32, waitSeconds, leaseSeconds: HELD_SECONDS_MAX });
  await settle(
    one,
    (deliveries ?? []).map((delivery) => ({ action: "ack", delivery })),
  );
  return deliveries?.length;
};

/** For messages of one message group, in order. What is given back gives back all behind it, so that they share one fate. */
const decide = ({ random, mayDie, answered }: Consuming, line: readonly Delivery[]): Decision[] => {
  const choice = random.fraction();
  const all = (action: Decision["action"]) => line.map((delivery) => ({ action, delivery }));
  const wanted = (mayDie ? (["extend", "deadLetter", "nack"] as const) : (["extend", "nack"] as const)).find(
    (action) => !answered.has(action),
  );
  if (wanted !== undefined) return all(wanted);
  if (choice < 0.65) return all("ack");
  if (choice < 0.78) return all("extend");
  if (choice < 0.9) return all(mayDie ? "deadLetter" : "ack");
  return choice < 0.95 ? all("nack") : [];
};

/** What arrived in time to be worked on. `before`: what an earlier answer to this very request brought. */
const receive = async (
  one: Consuming,
  request: { readonly max: number; readonly waitSeconds: number; readonly leaseSeconds: number },
  before: readonly Delivery[] = [],
): Promise<readonly Delivery[] | undefined> => {
  const requestedAtMs = Date.now();
  const answer = await one.post(`/v1/groups/${one.group}/receive`, request);
  const receivedAtMs = Date.now();
  if (answer === undefined) return undefined;
  const known = new Map(before.map((delivery) => [delivery.receiptHandle, delivery]));
  const deliveries = (answer.messages as Record<string, unknown>[]).map((message): Delivery => {
    const receiptHandle = String(message.receiptHandle);
    const delivery = known.get(receiptHandle) ?? {
      kind: "delivered",
      group: one.group,
      consumer: one.name,
      messageId: String(message.messageId),
      queueId: Number(message.queueId),
      offset: Number(message.offset),
      body: fingerprint(String(message.body)),
      receiptHandle,
      requestedAtMs,
      receivedAtMs,
      leaseUntilMs: Date.parse(String(message.leaseUntil)),
      messageGroup: typeof message.messageGroup === "string" ? message.messageGroup : undefined,
    };
    if (!known.has(receiptHandle)) one.record(delivery);
    return delivery;
  });
  // As the contract asks of clients: a lease that ended on the way is dropped.
  return deliveries.filter((delivery) => delivery.leaseUntilMs > receivedAtMs);
};

const ENTRIES = { ack: "acks", nack: "nacks", extend: "extends", deadLetter: "deadLetters" } as const;
const STATUS = { ack: "acked", nack: "nacked", extend: "extended", deadLetter: "deadLettered" } as const;

/** Through /ack or /settle, whichever fits and luck has it. Answers what was extended, as it is held now. */
const settle = async (one: Consuming, decisions: readonly Decision[]): Promise<readonly Delivery[]> => {
  // As the results come: acks first.
  const sorted = Object.keys(ENTRIES).flatMap((action) => decisions.filter((decision) => decision.action === action));
  if (sorted.length === 0) return [];
  const requestedAtMs = Date.now();
  const plain = sorted.every(({ action }) => action === "ack") && one.random.chance(0.5);
  const answer = plain
    ? await one.post(`/v1/groups/${one.group}/ack`, { receiptHandles: sorted.map(({ delivery }) => delivery.receiptHandle) })
    : await one.post(`/v1/groups/${one.group}/settle`, settleRequest(one, sorted));
  const answeredAtMs = Date.now();
  const results = answer?.results as Record<string, unknown>[] | undefined;
  const extended: Delivery[] = [];
  for (const [index, { action, delivery }] of sorted.entries()) {
    const result = results?.[index];
    const outcome = outcomeOf(result, action);
    if (outcome === undefined) one.unexpected(`${action} of ${delivery.messageId}: ${JSON.stringify(result)}`);
    const { receiptHandle } = delivery;
    const settled = { action, outcome: outcome ?? "unknown", requestedAtMs, answeredAtMs } as const;
    one.record({ kind: "settled", group: one.group, receiptHandle, ...settled });
    if (outcome === "done") one.answered.add(action);
    if (action !== "extend" || outcome !== "done") continue;
    const leaseUntilMs = Date.parse(String(result?.leaseUntil));
    const held = { extended: true, receiptHandle: String(result?.receiptHandle), leaseUntilMs };
    const longer = { ...delivery, ...held, requestedAtMs, receivedAtMs: answeredAtMs };
    one.record(longer);
    extended.push(longer);
  }
  return extended;
};

const settleRequest = ({ random }: Consuming, decisions: readonly Decision[]) => {
  const more = {
    ack: () => ({}),
    nack: () => ({ delaySeconds: random.integer(0, 1) }),
    extend: () => ({ leaseSeconds: HELD_SECONDS_MAX }),
    deadLetter: () => ({ reason: "crash test" }),
  };
  const entries = Object.entries(ENTRIES).map(([action, name]) => {
    const chosen = decisions.filter((decision) => decision.action === action);
    return [
      name,
      chosen.map(({ delivery }) => ({ receiptHandle: delivery.receiptHandle, ...more[action as Decision["action"]]() })),
    ];
  });
  return Object.fromEntries(entries.filter(([, list]) => list?.length));
};

/** Undefined for an answer that no settle should get. After its last attempt a nack dead-letters. */
const outcomeOf = (
  result: Record<string, unknown> | undefined,
  action: Decision["action"],
): SettledEvent["outcome"] | undefined => {
  if (result === undefined) return "unknown";
  if (result.status === STATUS[action] || (action === "nack" && result.status === STATUS.deadLetter)) return "done";
  const error = result.error as { code?: string } | undefined;
  return error?.code === "LEASE_LOST" ? "leaseLost" : undefined;
};
