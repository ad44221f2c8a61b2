import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { WAITING_CLAIMS_KEPT } from "../../../core/limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { FAULTS, type Fault, faulty } from "../../support/faults/one-faulty-write.ts";

const MINUTE_MS = 60_000;
const MAX = 32;
const GROUPS = Array.from({ length: 48 }, (_, index) => `group ${index}`);
const BUSY = "busy";

/** A store where the move of a given number goes wrong: moves are transactions. */
function faultyMove(inner: ItemStore, faultyWrite: number, fault: Fault) {
  const { store, ...rest } = faulty(inner, faultyWrite, fault);
  const { update } = store;
  const crashed = () => rest.reached() && fault.startsWith("crash");
  return {
    ...rest,
    crashed,
    store: { ...store, update: (...args) => (crashed() ? update(...args) : inner.update(...args)) } satisfies ItemStore,
  };
}

/**
 * Many groups fail and one is busy, so that claims and backlogs leave the progress item, grow, and come back. Of the
 * moves one goes wrong; what it settles is settled by another process.
 */
async function consumeThrough(faultyWrite: number, fault: Fault | undefined) {
  const table = brokerOverTable(SHARED_STORE);
  const other = await table.process();
  await other.putTopic("orders", { type: "FIFO", queues: 1 });
  await other.putGroup("billing", { leaseSeconds: 60 });
  await other.putSubscription("billing", "orders", { startFrom: "earliest" });
  const store = fault && faultyMove(table.items, faultyWrite, fault);
  let consumer = store ? await table.process(store.store) : other;
  const sent = new Map<string, string[]>();
  const acked = new Map<string, number>();

  const send = async (names: readonly string[]): Promise<void> => {
    const messages = names.map((messageGroup) => {
      const texts = sent.get(messageGroup) ?? [];
      sent.set(messageGroup, texts);
      texts.push(`${messageGroup}: ${texts.length}`);
      return { messageGroup, body: Buffer.from(texts.at(-1) ?? "") };
    });
    for (let from = 0; from < messages.length; from += 100) await other.sendMessages("orders", messages.slice(from, from + 100));
  };
  const receive = async (): Promise<readonly ReceivedMessage[]> => {
    try {
      return await consumer.receiveMessages("billing", { max: MAX, waitMs: 0 });
    } catch (error) {
      if (!BrokerError.is(error) || !["STORE_UNAVAILABLE", "REQUEST_TIMEOUT"].includes(error.code)) throw error;
      if (store?.crashed()) consumer = other;
      return [];
    }
  };
  const settleAll = async (action: "ack" | "nack", delayMs: number): Promise<void> => {
    for (let empty = 0; empty < 3; ) {
      const messages = await receive();
      empty = messages.length === 0 ? empty + 1 : 0;
      const next = new Map(acked);
      for (const { messageGroup = "", body } of messages) {
        const turn = next.get(messageGroup) ?? 0;
        expect(Buffer.from(body).toString()).toBe(`${messageGroup}: ${turn}`);
        next.set(messageGroup, turn + 1);
      }
      if (messages.length > 0) await settle(other, messages, action, delayMs);
      if (action === "ack") for (const [name, turn] of next) acked.set(name, turn);
    }
  };

  await send([BUSY, ...GROUPS, ...GROUPS]);
  await settleAll("nack", 10 * MINUTE_MS);
  await send([...GROUPS, ...Array(150).fill(BUSY)]);
  await settleAll("nack", 10 * MINUTE_MS);
  await store?.applyLate();
  await settleAll("nack", 10 * MINUTE_MS);
  for (let turn = 0; turn < 3; turn++) {
    table.pass(11 * MINUTE_MS);
    await settleAll("ack", 0);
  }
  await store?.applyLate();
  await settleAll("ack", 0);
  for (const [name, texts] of sent) expect(acked.get(name)).toBe(texts.length);
  expect((await other.groupLag("billing")).items[0]).toMatchObject({ queues: [{ lag: 0, inFlight: 0 }] });
  return { reached: store?.reached() === true };
}

function settle(broker: RunningBroker, messages: readonly ReceivedMessage[], action: "ack" | "nack", delayMs: number) {
  const entries = messages.map(({ receiptHandle }) => ({ action, receiptHandle, delayMs }));
  return broker.settleMessages("billing", entries);
}

it.each(FAULTS)(
  "message groups keep their order, and nothing is lost, whichever move meets %s",
  { timeout: 120_000 },
  async (fault) => {
    let write = 0;
    while ((await consumeThrough(write, fault)).reached) write++;
    expect(write).toBeGreaterThan(6);
  },
);

it("a message group that comes back while another handler looks it up is not handed out by both", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const other = await table.process();
  await other.putTopic("orders", { type: "FIFO", queues: 1 });
  await other.putGroup("billing", { leaseSeconds: 60 });
  await other.putSubscription("billing", "orders", { startFrom: "earliest" });
  const send = (messageGroup: string, text: string) => other.sendMessages("orders", [{ messageGroup, body: Buffer.from(text) }]);
  const receive = (broker: RunningBroker, max: number) => broker.receiveMessages("billing", { max, waitMs: 0 });
  for (const name of GROUPS) await send(name, "0");
  // Each is due a minute after the one before: the first few stay in the item.
  for (const [index] of GROUPS.entries()) await settle(other, await receive(other, 1), "nack", (index + 1) * MINUTE_MS);
  await receive(other, 1);
  table.pass((WAITING_CLAIMS_KEPT + 0.5) * MINUTE_MS);
  const kept = await receive(other, MAX);
  expect(kept).toHaveLength(WAITING_CLAIMS_KEPT);
  await settle(other, kept, "ack", 0);
  const next = GROUPS[WAITING_CLAIMS_KEPT] ?? "";
  await send(next, "1");
  let meanwhile: readonly ReceivedMessage[] | undefined;
  const store: ItemStore = {
    ...table.items,
    get: (key, options) => table.items.get(key, options),
    put: (item, options) => table.items.put(item, options),
    update: (...update) => table.items.update(...update),
    delete: (key, options) => table.items.delete(key, options),
    query: (query) => table.items.query(query),
    transact: (writes) => table.items.transact(writes),
    batchGet: async (keys, options) => {
      if (keys[0]?.pk.startsWith("w#") && !meanwhile) {
        table.pass(MINUTE_MS);
        meanwhile = await receive(other, 1);
      }
      return table.items.batchGet(keys, options);
    },
  };
  const received = await receive(await table.process(store), MAX);
  expect(meanwhile?.map(({ messageGroup, body }) => `${messageGroup}: ${Buffer.from(body)}`)).toEqual([`${next}: 0`]);
  expect(received).toEqual([]);
  await settle(other, meanwhile ?? [], "ack", 0);
  expect((await receive(other, MAX)).map(({ messageGroup, body }) => `${messageGroup}: ${Buffer.from(body)}`)).toEqual([
    `${next}: 1`,
  ]);
});
