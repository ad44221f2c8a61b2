import type { SettleEntry } from "../../core/broker.ts";
import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { ReceivedMessage, SendReceipt, StoredReceipt } from "../../core/terms.ts";
import type { Auditor, Seen } from "./auditor.ts";
import { orderKeyOf, type Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

export const TOPIC = "orders";
export const GROUP = "billing";

/** What an actor works with: any handler, picked anew for each call, through a client that gives up. */
export interface Stage {
  readonly world: World;
  readonly auditor: Auditor;
  readonly scenario: Scenario;
  readonly failing: boolean;
  readonly over: () => boolean;
  call<T>(verb: (broker: RunningBroker) => Promise<T>, timeoutMs: number): Promise<T | "unknown">;
}

/** More than any two clocks differ. */
const LEASE_MARGIN_MS = 3_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends single messages and batches, some large; never repeats a send. */
export async function produce(stage: Stage, name: string): Promise<void> {
  const { world, auditor } = stage;
  for (let sent = 0; !stage.over(); ) {
    await world.sleep(world.random.integer(20, 1_500));
    const messages = Array.from({ length: world.random.pick(stage.failing ? [1, 5, 20] : [1, 1, 1, 2, 5]) }, () => {
      const { prefix, fields } = stage.scenario.message(world.random);
      return { body: `${prefix}${name}.${sent++}`, fields };
    });
    const bodies = messages.map(({ body }) => body);
    for (const body of bodies) auditor.sendStarted(body);
    const padding = world.random.chance(0.15) ? "~".repeat(world.random.integer(100, 900)) : "";
    const entries = messages.map(({ body, fields }) => ({ ...fields, body: encoder.encode(`${body}|${padding}`) }));
    const results = await stage.call((broker) => broker.sendMessages(TOPIC, entries), 15_000);
    for (const [index, body] of bodies.entries()) {
      const result = results === "unknown" ? undefined : results[index];
      if (!result || (BrokerError.is(result) && result.code !== "STORE_UNAVAILABLE")) auditor.sendUnknown(body);
      else if (BrokerError.is(result)) auditor.sendRefused(body);
      else auditor.sendAcked({ ...placed(result), body });
    }
  }
}

/** Receives, works for a while, and settles in every way there is; at times dies with what it holds. */
export async function consume(stage: Stage, name: string, skewMs: number): Promise<void> {
  const { world } = stage;
  for (let turn = 0; !stage.over(); turn++) {
    const attemptId = world.random.chance(0.7) ? `${name}-${turn}` : undefined;
    const request = {
      max: world.random.pick([1, 2, 4, 8]),
      waitMs: world.random.pick([0, 0, 2_000]),
      leaseMs: world.random.pick([3_000, 6_000, 20_000]),
      attemptId,
    };
    let messages: readonly ReceivedMessage[] | "unknown" = "unknown";
    const askedMs = world.nowMs;
    for (let tries = 0; messages === "unknown" && tries < 3; tries++) {
      const triedMs = world.nowMs;
      messages = await stage.call((broker) => broker.receiveMessages(GROUP, request), 8_000);
      if (messages !== "unknown" && messages.length > 0) stage.auditor.receiveAnswered(triedMs);
      if (attemptId === undefined) break;
    }
    if (messages !== "unknown") await work(stage, name, skewMs, { messages, askedMs });
    await world.sleep(world.random.integer(5, 600));
  }
}

interface Received {
  readonly messages: readonly ReceivedMessage[];
  readonly askedMs: number;
}

async function work(stage: Stage, name: string, skewMs: number, received: Received): Promise<void> {
  const { world, auditor } = stage;
  const heldMs = world.nowMs;
  const held = received.messages.filter((message) => heldMs + skewMs < message.leaseUntilMs);
  auditor.deliverTogether(held.map(seenOf));
  for (const message of held) {
    const { attempt, leaseUntilMs } = message;
    const untilMs = leaseUntilMs - skewMs;
    auditor.deliver(name, seenOf(message), { attempt, untilMs, askedMs: received.askedMs, nowMs: heldMs });
  }
  if (world.random.chance(0.06)) {
    for (const message of held) auditor.release(name, seenOf(message));
    return;
  }
  await world.sleep(world.random.pick([0, 50, 500, 2_500, 7_000]) * world.random.fraction());
  const givenBack = new Set<string>();
  const entries = held.map((message) => ({ message, entry: decideInOrder(stage, name, message, held, givenBack) }));
  const settles = entries.filter((pair): pair is { message: ReceivedMessage; entry: SettleEntry } => pair.entry !== undefined);
  if (settles.length === 0) return;
  const tries = world.random.chance(0.2) ? 2 : 1;
  for (let round = 0; round < tries; round++) {
    const sentMs = world.nowMs;
    const results = await stage.call(
      (broker) =>
        broker.settleMessages(
          GROUP,
          settles.map(({ entry }) => entry),
        ),
      15_000,
    );
    for (const [index, { message, entry }] of settles.entries()) {
      const result = results === "unknown" ? undefined : results[index];
      const status = result?.status ?? "unknown";
      // Once the lease may be over, a settle that worked but whose reply was lost inside is answered so too.
      const running = world.nowMs + LEASE_MARGIN_MS < message.leaseUntilMs;
      const refused = result?.status === "error" && result.error.code === "LEASE_LOST";
      if (refused && running && round === 0 && entry.action !== "extend") auditor.settleRefused(seenOf(message));
      // A repeat may be answered as the try before it was.
      if (round === 0 && status !== "unknown" && status !== "error") auditor.settleAnswered(seenOf(message), heldMs, sentMs);
      if (status === "acked") auditor.ackAnswered(seenOf(message), sentMs);
      if (status === "deadLettered") auditor.deadLetterAnswered(seenOf(message), sentMs);
      if (entry.action !== "extend" || status !== "extended") auditor.release(name, seenOf(message));
    }
  }
}

/** A nack of an ordered message gives back all of its order key in this delivery: what comes behind it is left alone. */
function decideInOrder(
  stage: Stage,
  name: string,
  message: ReceivedMessage,
  held: readonly ReceivedMessage[],
  givenBack: Set<string>,
): SettleEntry | undefined {
  const key = orderKeyOf(seenOf(message).body);
  const place = `${message.queueId}/${key}`;
  if (key !== undefined && givenBack.has(place)) return undefined;
  const entry = decide(stage, name, message);
  if (key === undefined || entry?.action !== "nack") return entry;
  givenBack.add(place);
  for (const other of held) {
    if (other.queueId === message.queueId && orderKeyOf(seenOf(other).body) === key) stage.auditor.release(name, seenOf(other));
  }
  return entry;
}

/** What to do with one message; beliefs end when the request leaves, since from then on others may get it. */
function decide({ world, auditor, failing }: Stage, name: string, message: ReceivedMessage): SettleEntry | undefined {
  const { receiptHandle } = message;
  const choice = world.random.fraction();
  if (choice < 0.1) return undefined;
  if (choice < (failing ? 0.8 : 0.28)) {
    auditor.release(name, seenOf(message));
    return {
      action: "nack",
      receiptHandle,
      delayMs: world.random.pick(failing ? [500, 9_000, 30_000] : [0, 500, 4_000]),
      countAttempt: world.random.chance(0.7),
    };
  }
  if (choice < (failing ? 0.85 : 0.38)) return { action: "extend", receiptHandle, leaseMs: world.random.pick([1_000, 8_000]) };
  if (choice < (failing ? 0.87 : 0.41)) {
    auditor.release(name, seenOf(message));
    auditor.ackTried(seenOf(message));
    return { action: "deadLetter", receiptHandle, reason: "unfit" };
  }
  auditor.ackTried(seenOf(message));
  return { action: "ack", receiptHandle };
}

/** Where a message is that was sent without a delay. */
export function placed(receipt: SendReceipt): StoredReceipt {
  if (!("offset" in receipt)) throw new Error(`${receipt.messageId} waits, and was not asked to`);
  return receipt;
}

export function seenOf(message: { readonly queueId: number; readonly offset: number; readonly body: Uint8Array }): Seen {
  const text = decoder.decode(message.body);
  return { queueId: message.queueId, offset: message.offset, body: text.slice(0, text.indexOf("|")) };
}
