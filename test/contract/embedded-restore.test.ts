import { createHash } from "node:crypto";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { RunningBroker } from "../../core/create-broker.ts";
import type { StoredMessage } from "../../core/terms.ts";
import { backUp } from "../../functions/stores/backup.ts";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { testBroker } from "../support/broker/broker-over-table.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { hookedDisk } from "../support/faults/hooked-disk.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { together } from "./items/fixture.ts";

const TOPIC = "orders";
const GROUP = "billing";
const LEASE_MS = 30_000;

const placeOf = ({ queueId, offset }: { readonly queueId: number; readonly offset: number }) => `${queueId}:${offset}`;
const digest = (body: Uint8Array): string => createHash("sha1").update(body).digest("base64url");

async function start(folder: string, clock: ManualClock) {
  const { items, objects, settings, close } = await openEmbeddedStores(folder, { clock });
  const broker = await testBroker({ items, objects, settings, clock });
  const stop = async (): Promise<void> => {
    broker.stop();
    await close();
  };
  return { broker, stop };
}

/** Every message of a topic, by its place; fails at a hole. */
async function everything(broker: RunningBroker): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { queueId, minOffset, maxOffset } of await broker.topicQueues(TOPIC)) {
    expect(minOffset).toBe(0);
    for (let offset = 0; offset < maxOffset; ) {
      const page = await broker.pullMessages(TOPIC, queueId, { from: { offset }, limit: 32, maxBytes: 4_000_000, waitMs: 0 });
      if (page.status !== "FOUND") throw new Error(`${queueId}:${offset}: ${page.status}`);
      for (const message of page.messages) {
        expect(message.offset).toBe(offset++);
        found.set(placeOf(message), digest(message.body));
      }
    }
  }
  return found;
}

/** Receives what there is, `times` times at most, and acks those messages that `isAcked` says. Answers the places of both. */
async function consume(broker: RunningBroker, times: number, isAcked: (message: StoredMessage) => boolean) {
  const received: string[] = [];
  const acked: string[] = [];
  for (let time = 0; time < times; time++) {
    const messages = await broker.receiveMessages(GROUP, { max: 32, waitMs: 0, leaseMs: LEASE_MS });
    if (messages.length === 0) break;
    received.push(...messages.map(placeOf));
    const settled = messages.filter(isAcked);
    const results = await broker.settleMessages(
      GROUP,
      settled.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
    );
    for (const result of results) expect(result).toMatchObject({ status: "acked" });
    acked.push(...settled.map(placeOf));
  }
  return { received, acked };
}

test("a broker on a backup has all of 50,000 messages and more, where they were, and its groups go on where they stood", async () => {
  const directory = await storeDirectory();
  onTestFinished(() => directory.remove());
  const [data, target] = [join(directory.path, "data"), join(directory.path, "backup")];
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const { broker, stop } = await start(data, clock);
  await broker.putTopic(TOPIC, { queues: 4 });
  await broker.putGroup(GROUP, { maxAttempts: 100 });
  const sent = new Map<string, string>();
  const send = async (count: number, bodyBytes: number): Promise<void> => {
    const entries = Array.from({ length: count }, () => ({ body: random.bytes(bodyBytes) }));
    for (const [index, receipt] of (await broker.sendMessages(TOPIC, entries)).entries()) {
      if (!("offset" in receipt)) throw receipt;
      sent.set(placeOf(receipt), digest(entries[index]!.body));
    }
  };
  for (let round = 0; round < 30; round++) await together(16, () => send(100, 100));
  await broker.putSubscription(GROUP, TOPIC, {});
  const begins = new Map((await broker.topicQueues(TOPIC)).map(({ queueId, maxOffset }) => [queueId, maxOffset]));
  for (let call = 0; call < 20; call++) await send(100, 100);
  for (let call = 0; call < 10; call++) await send(4, 60_000);
  for (let call = 0; call < 3; call++) await send(4, 500_000);
  const before = await consume(broker, 30, ({ offset }) => offset % 3 !== 0);
  const sentBefore = new Map(sent);

  const meanwhile = { received: [] as string[], acked: [] as string[] };
  const disk = hookedDisk(async (operation) => {
    if (operation !== "batch" && operation !== "link") return;
    await Promise.all([send(1, 100), send(4, 20_000), send(10, 1_000)]);
    const { received, acked } = await consume(broker, 1, () => true);
    meanwhile.received.push(...received);
    meanwhile.acked.push(...acked);
  });
  const contents = await backUp(data, target, clock, { disk });
  expect(contents.objects).toBeGreaterThanOrEqual(13);
  expect(meanwhile.acked.length).toBeGreaterThan(50);
  await stop();

  const copy = await start(target, clock);
  const stored = await everything(copy.broker);
  expect(sentBefore.size).toBeGreaterThan(50_000);
  for (const [place, body] of sentBefore) expect(stored.get(place), place).toBe(body);
  for (const [place, body] of stored) expect(sent.get(place), place).toBe(body);

  await clock.pass(LEASE_MS + 5_000);
  const after = await consume(copy.broker, Number.POSITIVE_INFINITY, () => true);
  expect(new Set(after.received).size).toBe(after.received.length);
  const mayBeSettled = new Set([...before.acked, ...meanwhile.acked]);
  const subscribed = (place: string) => {
    const [queueId, offset] = place.split(":").map(Number);
    return offset! >= begins.get(queueId!)!;
  };
  const due = [...stored.keys()].filter((place) => subscribed(place) && !mayBeSettled.has(place));
  const delivered = new Set(after.received);
  expect(due.filter((place) => !delivered.has(place))).toEqual([]);
  expect(before.acked.filter((place) => delivered.has(place))).toEqual([]);
  const [next] = await copy.broker.sendMessages(TOPIC, [{ body: new Uint8Array(1) }]);
  if (next === undefined || !("queueId" in next)) throw next;
  expect(next.offset).toBe([...stored.keys()].filter((place) => place.startsWith(`${next.queueId}:`)).length);
  await copy.stop();
});
