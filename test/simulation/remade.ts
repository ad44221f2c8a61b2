import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { ReceiveRequest } from "../../core/requests.ts";
import type { ReceivedMessage, StartFrom } from "../../core/terms.ts";
import type { Auditor } from "./audit/auditor.ts";
import { KNOWN_MS, type RemadeAuditor } from "./audit/remade-auditor.ts";
import { GROUP, TOPIC } from "./scenario.ts";
import { placed, SILENCE, type Stage, seenOf } from "./stage.ts";
import type { World } from "./world.ts";

/** A topic and a group that are deleted and made anew under their names, beside those that stay; the group reads both topics. */
export const REMADE_TOPIC = "returns";
const REMADE_GROUP = "auditing";
const CALL_MS = 15_000;
const CONSUMERS = 2;
const HANDLES_MAX = 20;
const EMPTY_ANSWERS = 3;
/** Longer than every lease of dropped handlers, and every departure of deleted things. */
const PATIENCE_MS = 1_200_000;
const encoder = new TextEncoder();

type Verb<T> = (broker: RunningBroker) => Promise<T>;
type Ask = <T>(verb: Verb<T>) => Promise<T | BrokerError | undefined>;

/** Deletes and makes anew. A request without an answer is repeated, and counted as one that may take effect at any time. */
class Remaker {
  readonly #world: World;
  readonly #auditor: RemadeAuditor;
  readonly #ask: Ask;
  readonly #over: () => boolean;

  constructor(world: World, auditor: RemadeAuditor, ask: Ask, over: () => boolean) {
    this.#world = world;
    this.#auditor = auditor;
    this.#ask = ask;
    this.#over = over;
  }

  async makeTopic(): Promise<void> {
    await this.#surely(async (askedMs) => {
      const made = await this.#ask((broker) => broker.putTopic(REMADE_TOPIC, { queues: this.#world.random.integer(1, 2) }));
      if (!made || BrokerError.is(made)) return false;
      if (made.created) this.#auditor.topicMade(REMADE_TOPIC, askedMs);
      return true;
    });
  }

  async deleteTopic(): Promise<void> {
    const gone = await this.#surely(() => this.#deleted((broker) => broker.deleteTopic(REMADE_TOPIC, { dryRun: false })));
    if (gone) this.#auditor.ended({ topic: REMADE_TOPIC }, this.#world.nowMs);
  }

  async makeGroup(): Promise<void> {
    await this.#surely(async () => {
      const made = await this.#ask((broker) => broker.putGroup(REMADE_GROUP, { maxAttempts: 17, backoff: [1, 3] }));
      return made !== undefined && !BrokerError.is(made);
    });
  }

  /** Answers whether the group was certainly deleted. */
  async deleteGroup(): Promise<boolean> {
    const gone = await this.#surely(() => this.#deleted((broker) => broker.deleteGroup(REMADE_GROUP, { dryRun: false })));
    if (gone) this.#auditor.ended({ group: REMADE_GROUP }, this.#world.nowMs);
    return gone;
  }

  async subscribe(group: string, topic: string, startFrom: StartFrom): Promise<void> {
    await this.#surely(async (askedMs) => {
      const one = this.#auditor.subscribing(group, topic, startFrom, askedMs);
      const made = await this.#ask((broker) => broker.putSubscription(group, topic, { startFrom }));
      if (!made || BrokerError.is(made)) return false;
      if (made.created) one.made(this.#world.nowMs);
      return true;
    });
  }

  async unsubscribe(group: string, topic: string): Promise<void> {
    const gone = await this.#surely(() => this.#deleted((broker) => broker.deleteSubscription(group, topic, { dryRun: false })));
    if (gone) this.#auditor.ended({ group, topic }, this.#world.nowMs);
  }

  async #deleted(verb: Verb<unknown>): Promise<boolean> {
    const answer = await this.#ask(verb);
    return answer !== undefined && (!BrokerError.is(answer) || answer.code.endsWith("NOT_FOUND"));
  }

  /** False if the history is over first. */
  async #surely(attempt: (askedMs: number) => Promise<boolean>): Promise<boolean> {
    for (;;) {
      if (await attempt(this.#world.nowMs)) return true;
      if (this.#over()) return false;
      await this.#world.sleep(this.#world.random.integer(50, 500));
    }
  }
}

/** The actors of the topic and the group that are made anew: one that does so, one that sends, some that receive. */
export async function remake(stage: Stage): Promise<void> {
  const { world, auditor } = stage;
  const remade = auditor.remade;
  if (!remade) throw new Error("nobody listens");
  const held: Held[] = [];
  const ask: Ask = async (verb) => {
    const answer = await stage.ask(verb, CALL_MS);
    return answer === SILENCE ? undefined : answer;
  };
  const remaker = new Remaker(world, remade, ask, stage.over);
  await Promise.all([
    changeAll(stage, remaker, held),
    send(stage, remade),
    ...Array.from({ length: CONSUMERS }, (_, index) => receive(stage, remade, `a${index}`, held)),
  ]);
}

async function changeAll(stage: Stage, remaker: Remaker, held: Held[]): Promise<void> {
  const { world } = stage;
  const { random } = world;
  const from = () => random.pick<StartFrom>(["earliest", "latest"]);
  const changes: readonly (() => Promise<void>)[] = [
    async () => {
      await remaker.deleteTopic();
      await pause(stage, 0, 800);
      await remaker.makeTopic();
      for (const group of [GROUP, REMADE_GROUP]) await remaker.subscribe(group, REMADE_TOPIC, from());
    },
    async () => {
      const before = held.splice(0);
      const gone = await remaker.deleteGroup();
      if (gone) stage.beside(useOldHandles(stage, before));
      await pause(stage, 0, 800);
      await remaker.makeGroup();
      for (const topic of [TOPIC, REMADE_TOPIC]) await remaker.subscribe(REMADE_GROUP, topic, from());
    },
    async () => {
      const group = random.pick([GROUP, REMADE_GROUP]);
      await remaker.unsubscribe(group, REMADE_TOPIC);
      await pause(stage, 0, 800);
      await remaker.subscribe(group, REMADE_TOPIC, from());
    },
  ];
  await remaker.makeTopic();
  await remaker.makeGroup();
  for (const topic of [TOPIC, REMADE_TOPIC]) await remaker.subscribe(REMADE_GROUP, topic, from());
  await remaker.subscribe(GROUP, REMADE_TOPIC, "earliest");
  while (await pause(stage, 300, 3_000)) await random.pick(changes)();
}

interface Held {
  readonly message: ReceivedMessage;
}

/** Uses handles of a deleted group, once everyone knows of the deletion. */
async function useOldHandles({ world, auditor, ask }: Stage, held: readonly Held[]): Promise<void> {
  await world.sleep(KNOWN_MS);
  for (const { message } of held) {
    const action = world.random.pick(["ack", "deadLetter"] as const);
    const results = await ask(
      (broker) => broker.settleMessages(REMADE_GROUP, [{ action, receiptHandle: message.receiptHandle }]),
      CALL_MS,
    );
    if (results === SILENCE || BrokerError.is(results) || results[0]?.status === "error") continue;
    auditor.remade?.handleAccepted(REMADE_GROUP, seenOf(message).body);
  }
}

async function send(stage: Stage, remade: RemadeAuditor): Promise<void> {
  const { world } = stage;
  for (let sent = 0; await pause(stage, 20, 600); sent++) {
    const body = `r${sent}`;
    remade.sendStarted(REMADE_TOPIC, body, world.nowMs);
    const results = await stage.ask(
      (broker) => broker.sendMessages(REMADE_TOPIC, [{ body: encoder.encode(`${body}|`) }]),
      CALL_MS,
    );
    const result = results === SILENCE || BrokerError.is(results) ? undefined : results[0];
    if (result && !BrokerError.is(result)) remade.sendAcked(REMADE_TOPIC, body, world.nowMs);
  }
}

async function receive(stage: Stage, remade: RemadeAuditor, name: string, held: Held[]): Promise<void> {
  const { random } = stage.world;
  while (await pause(stage, 20, 600)) {
    const askedMs = stage.world.nowMs;
    const waitMs = random.pick([0, 0, 2_000]);
    const request: ReceiveRequest = { max: random.pick([1, 4, 32]), waitMs, leaseMs: random.pick([2_000, 12_000]) };
    const messages = await stage.ask((broker) => broker.receiveMessages(REMADE_GROUP, request), CALL_MS);
    if (messages === SILENCE || BrokerError.is(messages)) continue;
    stage.world.note(`${name} got ${messages.map(({ topic, queueId, offset }) => `${topic}/${queueId}/${offset}`).join(" ")}`);
    deliver(remade, REMADE_GROUP, messages, askedMs);
    const kept = messages.filter(() => random.chance(0.4));
    held.push(...kept.map((message) => ({ message })));
    held.splice(0, Math.max(0, held.length - HANDLES_MAX));
    const entries = messages
      .filter((message) => !kept.includes(message))
      .map(({ receiptHandle }) => ({ action: random.chance(0.1) ? ("deadLetter" as const) : ("ack" as const), receiptHandle }));
    if (entries.length > 0) await stage.ask((broker) => broker.settleMessages(REMADE_GROUP, entries), CALL_MS);
  }
}

/** Acknowledges what a lasting group got from the topic that is made anew. */
export async function receivedOfRemade(stage: Stage, messages: readonly ReceivedMessage[], askedMs: number): Promise<void> {
  if (messages.length === 0 || !stage.auditor.remade) return;
  deliver(stage.auditor.remade, GROUP, messages, askedMs);
  await stage.ask(
    (broker) =>
      broker.settleMessages(
        GROUP,
        messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
      ),
    CALL_MS,
  );
}

export function deliver(
  remade: RemadeAuditor | undefined,
  group: string,
  messages: readonly ReceivedMessage[],
  askedMs: number,
): void {
  for (const topic of new Set(messages.map((message) => message.topic)))
    remade?.delivered(
      group,
      topic,
      messages.filter((message) => message.topic === topic).map((message) => seenOf(message).body),
      askedMs,
    );
}

/** Makes everything anew once more, when all can be known, and sweeps away what was deleted before. */
export async function remakeAtLast(world: World, broker: RunningBroker, auditor: Auditor): Promise<void> {
  const remade = auditor.remade;
  if (!remade) return;
  const ask: Ask = (verb) =>
    verb(broker).catch((error: unknown) => {
      if (BrokerError.is(error)) return error;
      throw error;
    });
  const remaker = new Remaker(world, remade, ask, () => false);
  await remaker.deleteTopic();
  await remaker.deleteGroup();
  await world.sleep(KNOWN_MS);
  await remaker.makeTopic();
  await remaker.makeGroup();
  for (const topic of [TOPIC, REMADE_TOPIC])
    await remaker.subscribe(REMADE_GROUP, topic, world.random.pick<StartFrom>(["earliest", "latest"]));
  await remaker.subscribe(GROUP, REMADE_TOPIC, "earliest");
  await world.sleep(KNOWN_MS);
  for (const topic of [TOPIC, REMADE_TOPIC]) await sendLast(world, broker, auditor, topic);
  await world.sleep(world.random.pick([KNOWN_MS, PATIENCE_MS]));
  await broker.maintain({ untilMs: world.nowMs + 600_000 });
  await drainRemade(world, broker, remade);
  remade.deadLetters(REMADE_GROUP, (await broker.listDeadLetters(REMADE_GROUP, { limit: 10, maxBytes: 100_000 })).items.length);
}

async function sendLast(world: World, broker: RunningBroker, auditor: Auditor, topic: string): Promise<void> {
  for (let index = 0; index < 4; index++) {
    const body = `last.${topic}.${index}`;
    if (topic === TOPIC) auditor.sendStarted(body, world.nowMs);
    else auditor.remade?.sendStarted(topic, body, world.nowMs);
    const [result] = await broker.sendMessages(topic, [{ body: encoder.encode(`${body}|`) }]);
    if (!result || BrokerError.is(result)) continue;
    if (topic === TOPIC) auditor.sendAcked({ ...placed(result), body }, world.nowMs);
    else auditor.remade?.sendAcked(topic, body, world.nowMs);
  }
}

async function drainRemade(world: World, broker: RunningBroker, remade: RemadeAuditor): Promise<void> {
  for (let empty = 0; empty < EMPTY_ANSWERS; ) {
    const askedMs = world.nowMs;
    const messages = await broker.receiveMessages(REMADE_GROUP, { max: 32, waitMs: 0, leaseMs: 60_000 });
    deliver(remade, REMADE_GROUP, messages, askedMs);
    empty = messages.length === 0 ? empty + 1 : 0;
    const acks = messages.map(({ receiptHandle }) => ({ action: "ack" as const, receiptHandle }));
    if (acks.length > 0) await broker.settleMessages(REMADE_GROUP, acks);
    await world.sleep(10);
  }
}

/** False once the history is over. */
async function pause({ world, over }: Stage, leastMs: number, mostMs: number): Promise<boolean> {
  await world.sleep(world.random.integer(leastMs, mostMs));
  return !over();
}
