import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { bucketOf } from "../../../core/progress/delivery-order.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { expectWithinDynamoDb, measuredProgress } from "../../support/broker/measured-progress.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const SECOND_MS = 1_000;
const LEASE_MS = 60 * SECOND_MS;
const STEPS = 300;
/** A queue has as many claims in flight before it is full, whatever waits. */
const CLAIMS_LEAST = 200;

/** A message without a message group: in the model, a group of its own. */
const ALONE = "alone";

/** What is known of a message group: what was sent, and which of it is settled. */
interface Group {
  readonly sent: string[];
  readonly settled: Set<string>;
}

/** A store some of whose writes get no reply: they were applied, were not, or are applied some time later. */
function unreliable(inner: ItemStore, random: SeededRandom) {
  const late: (() => Promise<unknown>)[] = [];
  const lost = (): never => {
    throw new StoreUnavailable("unknown", "unavailable", "no reply");
  };
  const write = async <T>(apply: () => Promise<T>): Promise<T> => {
    const fate = random.integer(0, 49);
    if (fate === 0) await apply();
    if (fate === 1) late.push(apply);
    return fate <= 2 ? lost() : apply();
  };
  const store: ItemStore = {
    ...inner,
    update: (...update) => write(() => inner.update(...update)),
    transact: (writes) => write(() => inner.transact(writes)),
  };
  const applyLate = async (): Promise<void> => {
    for (const apply of late.splice(0)) await apply();
  };
  return { store, applyLate };
}

/**
 * Producers and consumers of many message groups on two handlers, who do what they do in an order that follows from the seed. A
 * delivery must begin with the first message of its group that is not settled, go on without a gap, and hold its group alone.
 */
class Model {
  readonly table = brokerOverTable(SHARED_STORE);
  readonly measured = measuredProgress(this.table.items);
  readonly groups = new Map<string, Group>();
  readonly held = new Map<string, { readonly messages: readonly ReceivedMessage[]; readonly untilMs: number }>();
  /** Those who receive. */
  readonly handlers: RunningBroker[] = [];
  readonly #random: SeededRandom;
  readonly #failing: number;
  readonly #unreliable: ReturnType<typeof unreliable> | undefined;
  #handler = {} as RunningBroker;

  constructor(seed: number, reliable: boolean) {
    this.#random = new SeededRandom(seed);
    this.#failing = this.#random.integer(1, 9);
    this.#unreliable = reliable ? undefined : unreliable(this.measured.store, new SeededRandom(seed + 1_000_000));
  }

  async start(): Promise<void> {
    this.#handler = await this.table.process(this.measured.store);
    for (let count = 0; count < 2; count++)
      this.handlers.push(await this.table.process(this.#unreliable?.store ?? this.measured.store));
    await this.#handler.putTopic("orders", { type: "MIXED", queues: 1 });
    await this.#handler.putGroup("billing", { leaseSeconds: LEASE_MS / SECOND_MS, maxAttempts: 1_000 });
    await this.#handler.putSubscription("billing", "orders", { startFrom: "earliest" });
  }

  async step(): Promise<void> {
    const what = this.#random.integer(0, 99);
    if (what < 30) await this.send();
    else if (what < 70) await this.receive();
    else if (what < 90) await this.settle();
    else if (what < 98) this.pass(this.#random.integer(0, 20 * SECOND_MS));
    else if (this.#random.integer(0, 9) === 0) await this.reset();
    if (this.#random.integer(0, 9) === 0) await this.#unreliable?.applyLate();
  }

  async send(): Promise<void> {
    const messages = Array.from({ length: this.#random.integer(1, 100) }, () => {
      // A few groups get most of the messages.
      const busy = NAMES[this.#random.integer(0, this.#random.integer(0, 1) === 0 ? 3 : NAMES.length - 1)] ?? "";
      const name = this.#random.integer(0, 9) === 0 ? `${ALONE} ${this.groups.size}` : busy;
      const group = this.groups.get(name) ?? { sent: [], settled: new Set() };
      this.groups.set(name, group);
      const text = `${name}: ${group.sent.length}`;
      group.sent.push(text);
      return { messageGroup: name.startsWith(ALONE) ? undefined : name, body: Buffer.from(text) };
    });
    await this.#handler.sendMessages("orders", messages);
  }

  /** On both handlers at the same time, or on one of them. */
  async receive(): Promise<number> {
    const handlers = this.#random.integer(0, 1) === 0 ? this.handlers : [this.#receiver];
    const answers = await Promise.all(handlers.map((handler) => this.#receiveOn(handler)));
    for (const messages of answers) this.#check(messages ?? []);
    // One that was refused must be so for what others hold.
    if (answers.includes(undefined) && !this.#unreliable) expect(this.held.size).toBeGreaterThanOrEqual(CLAIMS_LEAST);
    return answers.reduce((sum, messages) => sum + (messages?.length ?? 0), 0);
  }

  /** `undefined` where it was refused, or may have taken what nobody holds now. */
  async #receiveOn(handler: RunningBroker): Promise<readonly ReceivedMessage[] | undefined> {
    try {
      return await handler.receiveMessages("billing", { max: this.#random.integer(1, 32), waitMs: 0 });
    } catch (error) {
      if (BrokerError.is(error) && (this.#unreliable || error.code === "TOO_MANY_REQUESTS")) return undefined;
      throw error;
    }
  }

  #check(messages: readonly ReceivedMessage[]): void {
    for (const [name, delivered] of byGroup(messages)) {
      const group = this.groups.get(name) as Group;
      const before = this.held.get(name);
      if (before && before.untilMs > this.table.clock.nowMs()) throw new Error(`${name} is held by another`);
      const waiting = group.sent.filter((text) => !group.settled.has(text));
      expect(delivered.map(textOf)).toEqual(waiting.slice(0, delivered.length));
      this.held.set(name, { messages: delivered, untilMs: delivered[0]?.leaseUntilMs ?? 0 });
    }
  }

  async settle(): Promise<void> {
    for (const [name, { messages, untilMs }] of [...this.held]) {
      if (this.#random.integer(0, 2) === 0) continue;
      const failing = this.#random.integer(0, 9) < this.#failing;
      const acked = failing ? messages.slice(0, this.#random.integer(0, messages.length - 1)) : messages;
      const left = messages.slice(acked.length);
      await this.#handler
        .settleMessages("billing", [
          ...acked.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const),
          ...left.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs: this.#delayMs() }) as const),
        ])
        .then((results) => {
          for (const [index, { status }] of results.entries()) {
            if (status === "acked") this.groups.get(name)?.settled.add(textOf(messages[index] as ReceivedMessage));
            else if (status === "error" && untilMs > this.table.clock.nowMs()) throw new Error(`${name}: lost a running lease`);
          }
        });
      this.held.delete(name);
    }
  }

  async reset(): Promise<void> {
    await this.#handler.resetOffsets("billing", { topic: "orders", to: "earliest", dryRun: false });
    this.held.clear();
    for (const group of this.groups.values()) group.settled.clear();
  }

  pass(ms: number): void {
    const nowMs = this.table.pass(ms);
    for (const [name, { untilMs }] of this.held) if (untilMs + SHARED_STORE.skewMarginMs <= nowMs) this.held.delete(name);
  }

  /** Everything is acked as it comes, until nothing has come for a while. */
  async finish(): Promise<void> {
    await this.#unreliable?.applyLate();
    for (let idle = 0; idle < 20; ) {
      const count = await this.receive();
      idle = count === 0 ? idle + 1 : 0;
      if (count === 0) this.pass(LEASE_MS);
      for (const { messages } of this.held.values()) {
        const entries = messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const);
        await this.#handler.settleMessages("billing", entries);
        for (const message of messages) this.groups.get(nameOf(message))?.settled.add(textOf(message));
      }
      this.held.clear();
    }
  }

  get #receiver(): RunningBroker {
    return this.handlers[this.#random.integer(0, this.handlers.length - 1)] as RunningBroker;
  }

  #delayMs(): number {
    return this.#random.integer(0, 1) === 0 ? this.#random.integer(0, 5 * SECOND_MS) : this.#random.integer(0, 600 * SECOND_MS);
  }
}

function byGroup(messages: readonly ReceivedMessage[]): Map<string, ReceivedMessage[]> {
  const groups = new Map<string, ReceivedMessage[]>();
  for (const message of messages) {
    const name = nameOf(message);
    groups.set(name, [...(groups.get(name) ?? []), message]);
  }
  return groups;
}

/** No two of one bucket: those wait for each other. */
const NAMES = Array.from({ length: 400 }, (_, index) => `group ${index}`).filter(
  (name, index, names) =>
    names.findIndex((other) => bucketOf("messageGroup", other) === bucketOf("messageGroup", name)) === index,
);

const nameOf = (message: ReceivedMessage): string => textOf(message).split(":")[0] ?? "";
const textOf = ({ body }: ReceivedMessage): string => Buffer.from(body).toString();

describe("the order of message groups", () => {
  const seeds = Array.from({ length: 2 }, (_, index) => index + Number(process.env.SEED ?? 1));
  it.each(seeds.flatMap((seed) => [[seed, "answers"] as const, [seed, "loses replies"] as const]))(
    "holds while many fail, on two handlers: seed %i, over a store that %s",
    { timeout: 120_000 },
    async (seed, how) => {
      const model = new Model(seed, how === "answers");
      await model.start();
      for (let step = 0; step < STEPS; step++) await model.step();
      const { moves } = model.measured.seen;
      await model.finish();
      for (const { sent, settled } of model.groups.values()) expect(settled.size).toBe(sent.length);
      const [handler] = model.handlers;
      expect((await handler?.groupLag("billing"))?.items[0]).toMatchObject({ queues: [{ lag: 0, inFlight: 0 }] });
      expectWithinDynamoDb(model.measured.seen);
      expect(moves).toBeGreaterThan(0);
      // Resets left what was outside.
      model.pass(3_600 * SECOND_MS);
      await handler?.maintain({ untilMs: model.table.clock.nowMs() + 60 * SECOND_MS });
      const left = await Promise.all(["r#", "w#"].map((prefix) => itemsUnder(model, prefix)));
      expect(left).toEqual([0, 0]);
    },
  );
});

async function itemsUnder(model: Model, prefix: string): Promise<number> {
  const [handler] = model.handlers;
  const uid = (await handler?.getGroup("billing"))?.subscriptions[0]?.uid;
  const { items } = await model.table.items.query({ pk: `${prefix}${uid}#0`, limit: 1_000 });
  return items.length;
}
