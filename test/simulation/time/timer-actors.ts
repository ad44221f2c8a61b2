import { BrokerError } from "../../../core/errors.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import { bodyOf } from "./delivery.ts";
import { SKEW_MS } from "./frozen-clock.ts";
import { type Answer, DOOMED, JOBS, type Stage, send } from "./stage.ts";

const DELAYS_MS = [500, 3_000, 10_000, 40_000, 150_000] as const;
const LONG_DELAY_MS = 3 * 3_600_000;
const PAST_MS = -5_000;
const MOVES_MS = [PAST_MS, 1_000, 8_000, 60_000, 300_000] as const;
/** A handle is valid until an hour past its due time. */
const HANDLE_LIFE_MS = 3_600_000;

/** A handle, and the due time of its message when the handle was given out. */
interface Handle {
  readonly recallHandle: string;
  readonly deliverAtMs: number;
}

/** Sends mostly delayed messages, alone and together. Some are then cancelled and moved. */
export async function sendDelayed(stage: Stage, name: string): Promise<void> {
  const { world } = stage;
  const recalls: Promise<void>[] = [];
  for (let turn = 0; !stage.over(); turn++) {
    await stage.pause(3_000);
    const sent = await sendTogether(stage, JOBS, `${name}.${turn}`);
    for (const { text, receipt } of sent) if (world.random.chance(0.5)) recalls.push(...recallersOf(stage, text, receipt));
  }
  await Promise.all(recalls);
}

interface Scheduled {
  readonly text: string;
  readonly receipt: Handle;
}

async function sendTogether(stage: Stage, topic: string, call: string): Promise<readonly Scheduled[]> {
  const { world, timers } = stage;
  const { random } = world;
  const dueTogetherMs = random.chance(0.4) ? stage.nowMs() + random.pick(DELAYS_MS) + SKEW_MS : undefined;
  const planned = Array.from({ length: random.pick([1, 1, 2, 5]) }, (_, index) => {
    const text = `${call}.${index}`;
    const messageGroup = random.chance(0.6) ? random.pick(["a", "b"]) : undefined;
    const delay = dueTogetherMs === undefined ? delayOf(stage) : { deliverAtMs: dueTogetherMs };
    const wantedMs =
      delay.deliverAtMs ?? (delay.delayMs === undefined ? Number.NEGATIVE_INFINITY : stage.nowMs() - SKEW_MS + delay.delayMs);
    const messageId = topic === DOOMED || random.chance(0.5) ? text : undefined;
    const body = bodyOf(text, random.chance(0.1) ? random.integer(200, 900) : 0);
    const answered = timers.sends({ text, topic, messageGroup, call, index }, wantedMs);
    return { text, wantedMs, answered, entry: { body, messageGroup, messageId, ...delay } satisfies MessageInput };
  });
  const answers = await send(
    stage,
    topic,
    planned.map(({ entry }) => entry),
  );
  const scheduled: Scheduled[] = [];
  for (const [index, { text, wantedMs, answered }] of planned.entries()) {
    const answer = answers[index] as Answer<SendReceipt>;
    if (answer === "unknown") continue;
    if (BrokerError.is(answer)) answered("refused");
    else if ("recallHandle" in answer) {
      answered("done", answer.deliverAtMs);
      scheduled.push({ text, receipt: answer });
      // Stored at once: right for a handler whose clock says that the time is over.
    } else answered("done", wantedMs <= stage.nowMs() + SKEW_MS ? Number.NEGATIVE_INFINITY : wantedMs);
  }
  return scheduled;
}

function delayOf({ world: { random }, nowMs }: Stage): Pick<MessageInput, "delayMs" | "deliverAtMs"> {
  if (random.chance(0.1)) return {};
  if (random.chance(0.03)) return { delayMs: random.integer(300_000, LONG_DELAY_MS) };
  const delayMs = random.pick(DELAYS_MS);
  return random.chance(0.5) ? { delayMs } : { deliverAtMs: nowMs() + random.integer(500, delayMs) };
}

/** At times two recallers at once, each with its own handles. */
const recallersOf = (stage: Stage, text: string, handle: Handle): readonly Promise<void>[] =>
  Array.from({ length: stage.world.random.pick([1, 1, 2]) }, () => recall(stage, text, handle));

async function recall(stage: Stage, text: string, handle: Handle): Promise<void> {
  const { world } = stage;
  const handles = [handle];
  for (let steps = world.random.integer(1, 4); steps > 0; steps--) {
    await world.sleep(world.random.integer(0, world.random.pick([0, 300, 5_000, 40_000])));
    const held = world.random.pick(handles);
    if (stage.nowMs() > held.deliverAtMs + HANDLE_LIFE_MS - 2 * SKEW_MS) return;
    const wantedMs = world.random.chance(0.2) ? handle.deliverAtMs : stage.nowMs() + world.random.pick(MOVES_MS);
    const moved = world.random.chance(0.4) ? await cancel(stage, text, held) : await move(stage, text, held, wantedMs);
    if (moved) handles.push(moved);
  }
}

const TRIES_MAX = 3;

async function cancel(stage: Stage, text: string, { recallHandle }: Handle): Promise<undefined> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const answered = stage.timers.cancels(text);
    const answer = await stage.client.call(async (broker) => {
      await broker.cancelMessage(JOBS, recallHandle);
      return "cancelled" as const;
    });
    if (answer === "unknown") continue;
    if (answer === "cancelled") answered("done");
    else answered(answer.code === "ALREADY_DELIVERED" ? "delivered" : "refused");
    return;
  }
}

async function move(stage: Stage, text: string, { recallHandle }: Handle, wantedMs: number): Promise<Handle | undefined> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const answered = stage.timers.moves(text, wantedMs);
    const answer = await stage.client.call((broker) => broker.rescheduleMessage(JOBS, recallHandle, wantedMs));
    if (answer === "unknown") continue;
    if (!BrokerError.is(answer)) {
      answered("done", answer.deliverAtMs);
      return answer;
    }
    const outcomes = { ALREADY_DELIVERED: "delivered", MESSAGE_NOT_FOUND: "cancelled" } as const;
    answered(outcomes[answer.code as keyof typeof outcomes] ?? "refused");
    return undefined;
  }
  return undefined;
}

/** A repeated delete could hit the topic that was made since, while an earlier one may still take effect. */
const FOR_CERTAIN_MS = 400_000;

/** Deletes a topic under its timers, and makes it anew. */
export async function replaceTopic(stage: Stage): Promise<void> {
  const { world, timers, client } = stage;
  for (let turn = 0; turn < 4; turn++) {
    await stage.pause(2_000);
    await sendTogether(stage, DOOMED, `old.${turn}`);
  }
  const deletion = timers.deletes(DOOMED);
  for (let gone = false; !gone; ) {
    const answer = await client.call((broker) => broker.deleteTopic(DOOMED, { dryRun: false }), FOR_CERTAIN_MS);
    gone = answer !== "unknown" && (!BrokerError.is(answer) || answer.code === "TOPIC_NOT_FOUND");
  }
  deletion.done();
  for (let made = false; !made; ) {
    const answer = await client.call((broker) => broker.putTopic(DOOMED, { type: "MIXED", queues: 1 }));
    made = answer !== "unknown" && !BrokerError.is(answer);
  }
  for (let turn = 0; turn < 6; turn++) {
    await world.sleep(world.random.integer(0, 1_500));
    await sendTogether(stage, DOOMED, `new.${turn}`);
  }
}
