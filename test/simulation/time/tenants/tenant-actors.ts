import type { RunningBroker } from "../../../../core/create-broker.ts";
import { BrokerError } from "../../../../core/errors.ts";
import type { MessageInput, SendReceipt } from "../../../../core/terms.ts";
import type { World } from "../../world.ts";
import { bodyOf } from "../delivery.ts";
import { SKEW_MS } from "../frozen-clock.ts";
import { type Answer, type Client, send } from "../stage.ts";
import type { TimerAuditor } from "../timer-auditor.ts";
import type { AskAuditor } from "./ask-auditor.ts";
import type { Backlog, Undecided } from "./plan.ts";

/** The surroundings of a tenant. */
export interface TenantStage {
  readonly world: World;
  readonly timers: TimerAuditor;
  readonly asks: AskAuditor;
  readonly client: Client;
  nowMs(): number;
  over(): boolean;
  /** Two versions may spread messages over shards differently, so their order is not checked across versions. */
  version(): number;
}

export const QUIET_TOPICS = ["quiet0", "quiet1"] as const;
export const QUIET_PRODUCERS = "prompt";
export const HALF_TOPIC = "payments";

const ENTRIES_PER_SEND = 100;
const DELAYS_MS = [300, 1_000, 4_000, 12_000] as const;
/** The part of a backlog that is due at once. The rest falls due one after the other. */
const AT_ONCE = 0.5;
const CHECK_AFTER_MS = [1_000, 2_500, 6_000] as const;

/** Sends a backlog long before it is due. The sends take no time and never fail. */
export async function fill(
  { timers, world }: TenantStage,
  broker: RunningBroker,
  backlog: Backlog,
  dueMs: number,
): Promise<void> {
  const { topic, messages, messageGroups, spreadMs } = backlog;
  for (let from = 0; from < messages; from += ENTRIES_PER_SEND) {
    const planned = Array.from({ length: Math.min(ENTRIES_PER_SEND, messages - from) }, (_, index) => {
      const text = `${topic}.${from + index}`;
      const messageGroup = messageGroups > 0 ? `g${world.random.integer(1, messageGroups)}` : undefined;
      const deliverAtMs = dueMs + Math.floor(spreadMs * Math.max(0, (from + index) / messages - AT_ONCE));
      const answered = timers.sends({ text, topic, messageGroup, call: `${topic}/${from}`, index }, deliverAtMs);
      return { answered, deliverAtMs, entry: { body: bodyOf(text, 0), messageGroup, deliverAtMs } satisfies MessageInput };
    });
    const receipts = await broker.sendMessages(
      topic,
      planned.map(({ entry }) => entry),
    );
    for (const [at, { answered, deliverAtMs }] of planned.entries()) {
      const receipt = receipts[at];
      if (BrokerError.is(receipt)) throw receipt;
      answered("done", deliverAtMs);
    }
  }
}

/** Leaves transactions to their producers' endpoint. */
export async function leaveUndecided({ asks }: TenantStage, broker: RunningBroker, undecided: Undecided): Promise<void> {
  const { producerGroup, transactions } = undecided;
  for (let turn = 0; turn < transactions; turn++) {
    const text = `${producerGroup}.${turn}`;
    const checkAfterMs = 3_000 + turn;
    const told = asks.sends(text, checkAfterMs, false);
    await broker.sendHalfMessage(HALF_TOPIC, { body: bodyOf(text, 0), messageId: text }, { producerGroup, checkAfterMs });
    told.stored();
  }
}

/** A tenant with few messages that are each due soon. */
export async function sendLittle(stage: TenantStage, topic: string): Promise<void> {
  const { world, timers, over } = stage;
  const { random } = world;
  for (let turn = 0; !over(); turn++) {
    await world.sleep(random.integer(20, 2_500));
    const text = `${topic}.${turn}`;
    const messageGroup = random.chance(0.4) ? random.pick(["a", "b"]) : undefined;
    const ordered = messageGroup === undefined ? undefined : `${messageGroup} of version ${stage.version()}`;
    const delayMs = random.pick(DELAYS_MS);
    // Estimated by the slowest clock until it is known.
    const answered = timers.sends(
      { text, topic, messageGroup: ordered, call: text, index: 0 },
      stage.nowMs() - SKEW_MS + delayMs,
    );
    const [answer] = await send(stage, topic, [{ body: bodyOf(text, 0), messageGroup, delayMs }]);
    tell(answered, answer);
  }
}

function tell(answered: ReturnType<TimerAuditor["sends"]>, answer: Answer<SendReceipt> | undefined): void {
  if (answer === undefined || answer === "unknown") return;
  if (BrokerError.is(answer)) answered("refused");
  else answered("done", "recallHandle" in answer ? answer.deliverAtMs : Number.NEGATIVE_INFINITY);
}

/** Producers with a prompt endpoint and a transaction now and then. */
export async function leaveFew({ world, asks, client, over }: TenantStage): Promise<void> {
  const { random } = world;
  for (let turn = 0; !over(); turn++) {
    await world.sleep(random.integer(20, 6_000));
    const text = `${QUIET_PRODUCERS}.${turn}`;
    const checkAfterMs = random.pick(CHECK_AFTER_MS);
    const told = asks.sends(text, checkAfterMs, true);
    const message: MessageInput = { body: bodyOf(text, 0), messageId: text };
    const options = { producerGroup: QUIET_PRODUCERS, checkAfterMs };
    const answer = await client.call((broker) => broker.sendHalfMessage(HALF_TOPIC, message, options));
    if (answer !== "unknown" && !BrokerError.is(answer)) told.stored();
  }
}
