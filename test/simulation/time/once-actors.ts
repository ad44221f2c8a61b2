import { BrokerError } from "../../../core/errors.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import { bodyOf } from "./delivery.ts";
import { DELAYED, type Numbered, nameOf } from "./once-auditor.ts";
import { type Answer, JOBS, type Stage, send } from "./stage.ts";

/** The shortest allowed window. */
const WINDOW_MS = 300_000;
/** Sends of a key within this time are certainly known, even if the storing handler was frozen before. */
const ROUND_MS = 60_000;
/** Longer than a send can still take effect: its deadline, freezes, a flight. */
const AFTERMATH_MS = 600_000;
/** A new key at this interval, with which both senders begin at about the same time. */
const KEY_MS = 4_000;
const KEYS = ROUND_MS / KEY_MS;

const delayOf = ({ world: { random } }: Stage, chance: number): Pick<MessageInput, "delayMs"> =>
  random.chance(chance) ? { delayMs: random.pick([600, 5_000, 30_000]) } : {};

const textFor = (name: string, by: string, { delayMs }: Pick<MessageInput, "delayMs">): string =>
  `${name}${delayMs === undefined ? "" : `.${DELAYED}`}.${by}`;

/** Two such senders send the same keys repeatedly while these are known, and at times anew when they are not. */
export async function sendByKey(stage: Stage, name: string): Promise<void> {
  const { world } = stage;
  const { random } = world;
  for (let round = 0, rounds = random.pick([1, 1, 1, 2]); round < rounds; round++) {
    if (round > 0) await world.sleep(WINDOW_MS + AFTERMATH_MS);
    const endMs = world.nowMs + ROUND_MS;
    for (let turn = 0; world.nowMs < endMs; turn++) {
      await world.sleep(random.integer(50, 4_000));
      const keys = Array.from({ length: random.pick([1, 1, 2, 4]) }, () => keyFor(stage));
      await sendKeyed(stage, keys, { round, by: `${name}.${turn}` });
    }
  }
}

/** The current key, or at times an earlier one. */
const keyFor = ({ nowMs, world: { random } }: Stage): string =>
  `k${(Math.floor(nowMs() / KEY_MS) + KEYS - random.pick([0, 0, 0, 1, 4])) % KEYS}`;

async function sendKeyed(stage: Stage, keys: readonly string[], { round, by }: { round: number; by: string }): Promise<void> {
  const planned = keys.map((key, index) => {
    const delay = delayOf(stage, 0.3);
    const text = textFor(`${key}#${round}`, `${by}.${index}`, delay);
    const messageId = stage.world.random.chance(0.3) ? text : undefined;
    const entry: MessageInput = { body: bodyOf(text, 0), messageId, ...delay, once: { kind: "key", key, windowMs: WINDOW_MS } };
    return { identity: `${key}#${round}`, text, entry };
  });
  for (let tries = 0; tries < 3; tries++) {
    const told = planned.map(({ identity, text }) => stage.once.sends(identity, text));
    const answers = await send(
      stage,
      JOBS,
      planned.map(({ entry }) => entry),
    );
    for (const [index, { stored, refused }] of told.entries()) {
      const answer = answers[index] as Answer<SendReceipt>;
      if (BrokerError.is(answer)) refused();
      else if (answer !== "unknown") stored(answer);
    }
    if (!answers.includes("unknown")) return;
  }
}

/** One of two instances of a producer that numbers its messages. It knows of the other only from answers. */
export async function sendInSequence(stage: Stage, producerId: string, instance: string): Promise<void> {
  const { random } = stage.world;
  for (let next = 1, turn = 0; !stage.over(); turn++) {
    await stage.pause(3_000);
    const count = random.pick([1, 1, 2, 4]);
    const first = random.chance(0.2) ? Math.max(1, next - random.integer(0, 30)) : next + (random.chance(0.1) ? 2 : 0);
    const numbered = Array.from({ length: count }, (_, index) => ({ producerId, sequence: first + index }));
    const last = await sendNumbered(stage, numbered, `${instance}.${turn}`);
    if (last !== undefined) next = last + 1;
  }
}

/** Answers the last sequence that is certainly stored, if it learns of one. */
async function sendNumbered(stage: Stage, numbered: readonly Numbered[], by: string): Promise<number | undefined> {
  const { once } = stage;
  const planned = numbered.map((one) => {
    const delay = delayOf(stage, 0.15);
    const text = textFor(nameOf(one), by, delay);
    const messageId = stage.world.random.chance(0.2) ? text : undefined;
    const entry: MessageInput = { body: bodyOf(text, 0), messageId, ...delay, once: { kind: "sequence", ...one } };
    return { one, text, entry };
  });
  let last: number | undefined;
  for (let tries = 0; tries < 3; tries++) {
    const told = planned.map(({ one, text }) => once.sends(nameOf(one), text, one));
    const answers = await send(
      stage,
      JOBS,
      planned.map(({ entry }) => entry),
    );
    for (const [index, { stored, refused }] of told.entries()) {
      const answer = answers[index] as Answer<SendReceipt>;
      if (answer === "unknown") continue;
      if (!BrokerError.is(answer)) {
        stored(answer);
        last = Math.max(last ?? 0, (numbered[index] as Numbered).sequence);
        continue;
      }
      refused();
      const lastSequence = answer.members?.lastSequence;
      if (typeof lastSequence !== "number") continue;
      once.lastTold((numbered[index] as Numbered).producerId, lastSequence);
      last = lastSequence;
    }
    if (!answers.includes("unknown")) return last;
  }
  return last;
}
