import { BrokerError } from "../../../core/errors.ts";
import type { MessageInput } from "../../../core/terms.ts";
import type { Resolution, TransactionState } from "../../../core/transaction/transaction.ts";
import { bodyOf, textOf } from "./delivery.ts";
import { JOBS, type Stage } from "./stage.ts";

/** One group whose producers receive checks, one that also has an endpoint, and one that nobody answers for. */
export const PRODUCER_GROUPS = [
  { producerGroup: "pay", maxChecks: 2, endpoint: false },
  { producerGroup: "shop", maxChecks: 1, endpoint: true },
  { producerGroup: "mute", maxChecks: 1, endpoint: false },
] as const;

const WINDOW_MS = 300_000;
const OPERATED_MS = 30_000;

/** Sends half messages and decides most of them, at times twice, and differently. */
export async function sendTransactions(stage: Stage, name: string): Promise<void> {
  const { random } = stage.world;
  const verdicts: Promise<void>[] = [];
  for (let turn = 0; !stage.over(); turn++) {
    await stage.pause(3_000);
    const text = `${name}.${turn}`;
    const asked = { ...random.pick(PRODUCER_GROUPS), checkAfterMs: random.pick([1_000, 6_000, 20_000]) };
    const message: MessageInput = {
      body: bodyOf(text, random.chance(0.1) ? random.integer(200, 900) : 0),
      messageId: random.chance(0.5) ? text : undefined,
      messageGroup: random.chance(0.3) ? "a" : undefined,
    };
    const once = random.chance(0.4) ? ({ kind: "key", key: text, windowMs: WINDOW_MS } as const) : undefined;
    // With a key, two senders can send it at once, and repeatedly.
    const senders = Array.from({ length: once ? 2 : 1 }, () => prepare(stage, text, { ...message, once }, asked));
    const [id] = (await Promise.all(senders)).filter((known) => known !== undefined);
    if (id === undefined || random.chance(0.4)) continue;
    for (let count = random.pick([1, 1, 2]); count > 0; count--) verdicts.push(decideLater(stage, text, id));
  }
  await Promise.all(verdicts);
}

/** Answers its id, if that becomes known. */
async function prepare(
  { transactions, client }: Stage,
  text: string,
  message: MessageInput,
  asked: Parameters<Stage["transactions"]["sends"]>[1],
): Promise<string | undefined> {
  for (let tries = message.once ? 3 : 1; tries > 0; tries--) {
    const told = transactions.sends(text, asked);
    const answer = await client.call((broker) => broker.sendHalfMessage(JOBS, message, asked));
    if (answer === "unknown") continue;
    if (BrokerError.is(answer)) {
      told.refused();
      return undefined;
    }
    told.stored(answer.transactionId);
    return answer.transactionId;
  }
  return undefined;
}

const RESOLUTIONS: readonly Resolution[] = ["commit", "commit", "rollback"];

/** Decides at once, about when a check comes, or about when it is discarded. */
async function decideLater(stage: Stage, text: string, id: string): Promise<void> {
  const { random } = stage.world;
  await stage.world.sleep(random.integer(0, random.pick([200, 8_000, 100_000])));
  const resolution = random.pick(RESOLUTIONS);
  for (let times = random.pick([1, 1, 2]); times > 0; times--) await decide(stage, text, id, resolution);
}

const TRIES_MAX = 3;

async function decide(stage: Stage, text: string, id: string, resolution: Resolution, discarded = false): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const told = stage.transactions.decides(text, resolution);
    const answer = await stage.client.call((broker) => broker.endTransaction(id, resolution, { discarded }));
    if (answer === "unknown") continue;
    if (!BrokerError.is(answer)) return told.decided(answer);
    told.refused();
    if (answer.code === "TRANSACTION_ENDED") told.ended(answer.members.state as TransactionState);
    return;
  }
}

/** Receives checks, answers some at once, some late, some never. */
export async function answerChecks(stage: Stage): Promise<void> {
  const { world, transactions, client } = stage;
  const { random } = world;
  const answers: Promise<void>[] = [];
  // In half of the histories only an endpoint answers for its group.
  const elsewhere = random.pick([0, 0.1]);
  while (!stage.over()) {
    await stage.pause(1_000);
    const request = { max: random.pick([1, 4]), maxBytes: 100_000, waitMs: random.pick([0, 4_000]) };
    const startedMs = stage.nowMs();
    const producerGroup = random.chance(elsewhere) ? "shop" : "pay";
    const checks = await client.call((broker) => broker.receiveChecks(producerGroup, request));
    if (checks === "unknown") transactions.mayBeAsked(producerGroup);
    if (checks === "unknown" || BrokerError.is(checks)) continue;
    for (const check of checks) {
      const text = textOf(check.message.body);
      transactions.isAsked(text, check, startedMs);
      if (random.chance(0.5)) answers.push(decideLater(stage, text, check.transactionId));
    }
  }
  await Promise.all(answers);
}

/** Looks at discarded transactions, and decides some of them after all. */
export async function operate(stage: Stage): Promise<void> {
  const { world, client, transactions } = stage;
  const endMs = stage.nowMs() + OPERATED_MS;
  while (!stage.over() || stage.nowMs() < endMs) {
    await stage.pause(15_000);
    const listed = await client.call((broker) => broker.listTransactions({ limit: 100, state: "DISCARDED" }));
    if (listed === "unknown" || BrokerError.is(listed)) continue;
    for (const transaction of listed.items) {
      const text = transactions.textOf(transaction);
      if (text !== undefined && world.random.chance(0.3))
        await decide(stage, text, transaction.id, world.random.pick(RESOLUTIONS), true);
    }
  }
}
