import { BrokerError } from "../../core/errors.ts";
import { DEDUP_WINDOW_SECONDS_MAX } from "../../core/limits.ts";
import type { MessageInput } from "../../core/terms.ts";
import type { KnownSend, RepeatAnswer } from "./audit/repeat-auditor.ts";
import { TOPIC } from "./scenario.ts";
import { placed, SILENCE, type Stage } from "./stage.ts";

const CALL_MS = 15_000;
const TRIES_MAX = 4;
export const WINDOW_MS = DEDUP_WINDOW_SECONDS_MAX * 1_000;
const encoder = new TextEncoder();

/** Sends with keys, and sends the same keys again while they are known: soon, or when their messages have been rolled and dropped. */
export async function sendAgain(stage: Stage): Promise<void> {
  const { world, auditor } = stage;
  const { random } = world;
  const [least, most] = stage.scenario.sending.pauseMs;
  for (let turn = 0; ; turn++) {
    await world.sleep(random.integer(least, 2 * most));
    if (stage.over()) return;
    const sends = auditor.knownSends;
    if (sends.length > 0 && random.chance(0.6)) await repeat(stage, random.pick(sends), `${stage.age}.${turn}`);
    else await sendKeyed(stage, `k${stage.age}.${turn}`);
  }
}

async function sendKeyed(stage: Stage, key: string): Promise<void> {
  const { world, auditor } = stage;
  const askedMs = world.nowMs;
  const text = `${key}.first`;
  auditor.sendStarted(text, askedMs);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const result = await sendOnce(stage, key, text);
    if (result === SILENCE || BrokerError.is(result)) continue;
    const { queueId, offset } = placed(result);
    auditor.sendAcked({ queueId, offset, body: text }, world.nowMs);
    auditor.knownSends.push({ key, text, queueId, offset, askedMs, answeredMs: world.nowMs });
    return;
  }
  auditor.sendUnknown(text);
}

async function repeat(stage: Stage, send: KnownSend, turn: string): Promise<void> {
  const { world, auditor } = stage;
  if (!auditor.repeats?.isKnown(send, world.nowMs + CALL_MS)) return;
  const text = `${send.key}.${turn}`;
  auditor.sendStarted(text, world.nowMs);
  const result = await sendOnce(stage, send.key, text);
  const answer: RepeatAnswer =
    result === SILENCE ? "unknown" : !BrokerError.is(result) ? result : result.code === "MESSAGE_EXPIRED" ? "expired" : "unknown";
  world.note(`repeat of ${send.key}: ${typeof answer === "string" ? answer : "placed"}`);
  if (answer === "unknown") auditor.sendUnknown(text);
  else if (answer === "expired" || answer.duplicate) auditor.sendRefused(text);
  else auditor.sendAcked({ ...placed(answer), body: text }, world.nowMs);
  auditor.repeated(send, answer, world.nowMs);
}

async function sendOnce(stage: Stage, key: string, text: string) {
  const { prefix: _, fields } = stage.scenario.message(stage.world.random);
  const entry: MessageInput = { ...fields, body: encoder.encode(`${text}|`), once: { kind: "key", key, windowMs: WINDOW_MS } };
  const results = await stage.ask((broker) => broker.sendMessages(TOPIC, [entry]), CALL_MS);
  return results === SILENCE || BrokerError.is(results) ? results : (results[0] ?? SILENCE);
}
