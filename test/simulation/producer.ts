import { BrokerError } from "../../core/errors.ts";
import type { MessageInput } from "../../core/terms.ts";
import { padding } from "./run-length-compressor.ts";
import { TOPIC } from "./scenario.ts";
import { call, placed, type Stage } from "./stage.ts";

const SEND_MS = 15_000;
const encoder = new TextEncoder();

/** Sends single messages and batches, one after the other or some at once; never repeats a send. */
export async function produce(stage: Stage, name: string): Promise<void> {
  const { world, scenario } = stage;
  const { pauseMs, batches, atOnce = 1, lulls, most = Number.POSITIVE_INFINITY } = scenario.sending;
  let untilLull = lulls ? world.random.pick(lulls.after) : Number.POSITIVE_INFINITY;
  for (let sent = 0; ; untilLull--) {
    if (lulls && untilLull === 0) {
      await world.sleep(world.random.integer(...lulls.ms));
      untilLull = world.random.pick(lulls.after);
    }
    await world.sleep(world.random.integer(...pauseMs));
    if (stage.over() || sent >= most) return;
    const sends: Promise<void>[] = [];
    for (let times = world.random.integer(1, atOnce); times > 0; times--) {
      const count = world.random.pick(batches);
      sends.push(send(stage, name, sent, count));
      sent += count;
    }
    await Promise.all(sends);
  }
}

async function send(stage: Stage, name: string, first: number, count: number): Promise<void> {
  const { auditor, world, scenario } = stage;
  const sizes = Array.from({ length: count }, () => scenario.sending.bytes(world.random));
  // Messages that are sent together may be stored together.
  const mark = sizes.some((bytes) => bytes > 0) ? "!" : "";
  const messages = sizes.map((bytes, index) => messageOf(stage, `${name}.${first + index}${mark}`, bytes));
  for (const { text } of messages) auditor.sendStarted(text, world.nowMs);
  const entries = messages.map(({ entry }) => entry);
  const results = await call(stage, (broker) => broker.sendMessages(TOPIC, entries), SEND_MS);
  for (const [index, { text }] of messages.entries()) {
    const result = results === "unknown" ? undefined : results[index];
    world.note(
      `${text}: ${result && !BrokerError.is(result) ? `${placed(result).queueId}/${placed(result).offset}` : "not sent"}`,
    );
    if (!result || (BrokerError.is(result) && result.code !== "STORE_UNAVAILABLE")) auditor.sendUnknown(text);
    else if (BrokerError.is(result)) auditor.sendRefused(text);
    else auditor.sendAcked({ ...placed(result), body: text }, world.nowMs);
  }
}

function messageOf(
  { world, scenario }: Stage,
  name: string,
  bytes: number,
): { readonly text: string; readonly entry: MessageInput } {
  const { prefix, fields } = scenario.message(world.random);
  const text = `${prefix}${name}`;
  return { text, entry: { ...fields, body: encoder.encode(`${text}|${padding(bytes)}`) } };
}
