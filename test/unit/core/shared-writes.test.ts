import { expect, it } from "vitest";
import { BrokerError } from "../../../core/errors.ts";
import { queuePk } from "../../../core/keys.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";

const QUEUES = 4;
const TEXTS = Array.from({ length: 20 }, (_, index) => `m${index}`);

async function setUp() {
  const table = brokerOverTable();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const broker = await table.process(table.items, undefined, { turn });
  const { topic } = await broker.putTopic("orders", { queues: QUEUES });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const send = async (text: string, bytes = 0) => {
    const [sent] = await broker.sendMessages("orders", [{ body: Buffer.from(text.padEnd(bytes, ".")) }]);
    if (!sent || BrokerError.is(sent) || !("offset" in sent)) throw new Error("not sent", { cause: sent });
    return sent;
  };
  const blocks = async (): Promise<readonly number[]> => {
    const pages = Array.from({ length: QUEUES }, (_, id) => table.items.query({ pk: queuePk(topic.uid, id), limit: 100 }));
    return (await Promise.all(pages)).map(({ items }) => items.length);
  };
  return { broker, send, blocks };
}

it("sends that come together share one write of one queue, in their order", async () => {
  const { broker, send, blocks } = await setUp();
  const sent = await Promise.all(TEXTS.map((text) => send(text)));
  expect(new Set(sent.map(({ queueId }) => queueId)).size).toBe(1);
  expect(sent.map(({ offset }) => offset)).toEqual(TEXTS.map((_, index) => index));
  expect((await blocks()).filter((count) => count > 0)).toEqual([1]);
  expect(await receivedTexts(broker, "billing")).toEqual(TEXTS);
});

it("sends that follow one another go round the queues", async () => {
  const { send } = await setUp();
  const queueIds: number[] = [];
  for (const text of TEXTS.slice(0, QUEUES)) queueIds.push((await send(text)).queueId);
  expect(queueIds.toSorted()).toEqual([0, 1, 2, 3]);
});

it("sends that are stored once have a write each, and go round the queues", async () => {
  const { broker, blocks } = await setUp();
  const once = (key: string) => ({ kind: "key", key, windowMs: 3_600_000 }) as const;
  await Promise.all(TEXTS.map((text) => broker.sendMessages("orders", [{ body: Buffer.from(text), once: once(text) }])));
  expect(await blocks()).toEqual(Array.from({ length: QUEUES }, () => TEXTS.length / QUEUES));
});

it("sends of more than a write holds are spread over queues", async () => {
  const { broker, send, blocks } = await setUp();
  await Promise.all(TEXTS.map((text) => send(text, 9_000)));
  expect((await blocks()).filter((count) => count > 0).length).toBeGreaterThan(1);
  expect((await receivedTexts(broker, "billing")).length).toBe(TEXTS.length);
});
