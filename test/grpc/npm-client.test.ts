import { setTimeout as sleep } from "node:timers/promises";
import { ConsumeResult, type MessageView, Producer, PushConsumer, SimpleConsumer } from "rocketmq-client-nodejs";
import { TransactionResolution } from "rocketmq-client-nodejs/proto/apache/rocketmq/v2/definition_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QUIET } from "../crash/grpc/quiet.ts";
import { Api, uniqueName } from "../support/http/http-api.ts";
import { createTopic, eventually } from "../support/http/http-fixtures.ts";
import { type GrpcTestServer, startGrpcTestServer } from "./grpc-test-server.ts";

/** RocketMQ's client for Node.js as it is installed, against the server. */

interface Running {
  shutdown(): Promise<void>;
}

let server: GrpcTestServer;
let api: Api;
const running: Running[] = [];

beforeAll(async () => {
  server = await startGrpcTestServer();
  api = new Api({ baseUrl: () => server.url });
});

afterAll(async () => {
  await Promise.all(running.map((client) => client.shutdown()));
  await server.stop();
});

const common = () => ({ endpoints: server.address, namespace: "", logger: QUIET });

async function started<T extends Running & { startup(): Promise<void> }>(client: T): Promise<T> {
  await client.startup();
  running.push(client);
  return client;
}

const producerOf = (topic: string, options: Partial<ConstructorParameters<typeof Producer>[0]> = {}) =>
  started(new Producer({ ...common(), topic, ...options }));

const simpleConsumerOf = (topic: string, consumerGroup = uniqueName("group"), filter = "*") =>
  started(new SimpleConsumer({ ...common(), consumerGroup, subscriptions: new Map([[topic, filter]]), awaitDuration: 3_000 }));

const pushConsumerOf = (
  topic: string,
  consumerGroup: string,
  consume: (message: MessageView) => ConsumeResult | Promise<ConsumeResult>,
) =>
  started(
    new PushConsumer({
      ...common(),
      consumerGroup,
      subscriptions: new Map([[topic, "*"]]),
      messageListener: { consume },
    }),
  );

async function received(consumer: SimpleConsumer, count: number, invisibleMs = 20_000): Promise<MessageView[]> {
  const messages: MessageView[] = [];
  await eventually(async () => {
    messages.push(...(await consumer.receive(32, invisibleMs)));
    return messages.length >= count ? true : undefined;
  });
  return messages;
}

const body = (text: string) => Buffer.from(text);
const texts = (messages: readonly MessageView[]) => messages.map((message) => message.body.toString());

async function groupOf(settings: object): Promise<string> {
  const group = uniqueName("group");
  expect((await api.put(`/v1/groups/${group}`, settings)).status).toBe(201);
  return group;
}

describe.concurrent("RocketMQ's client for Node.js", () => {
  it("sends, receives and acks", async () => {
    const topic = await createTopic(api, { queues: 4 });
    const [producer, consumer] = await Promise.all([producerOf(topic), simpleConsumerOf(topic)]);
    const properties = new Map([["a", "1"]]);
    const receipt = await producer.send({ topic, tag: "T", keys: ["k1", "k2"], properties, body: body("hello") });
    expect(receipt.messageId).toBe(receipt.transactionId);
    expect(receipt.offset).toBeGreaterThanOrEqual(0);
    const [message] = await received(consumer, 1);
    expect(message).toMatchObject({ messageId: receipt.messageId, tag: "T", keys: ["k1", "k2"], deliveryAttempt: 1, topic });
    expect(message?.body.toString()).toBe("hello");
    expect(message?.properties.get("a")).toBe("1");
    await consumer.ack(message!);
    expect(await consumer.receive(32, 20_000)).toEqual([]);
  });

  it("receives what its filter lets through", async () => {
    const topic = await createTopic(api);
    const [producer, consumer] = await Promise.all([producerOf(topic), simpleConsumerOf(topic, undefined, "A || B")]);
    for (const tag of ["A", "B", "C", "A"]) await producer.send({ topic, tag, body: body(tag) });
    expect(texts(await received(consumer, 3)).sort()).toEqual(["A", "A", "B"]);
  });

  it("sees a message again when it gave it back, as the next attempt", async () => {
    const topic = await createTopic(api);
    const [producer, consumer] = await Promise.all([producerOf(topic), simpleConsumerOf(topic)]);
    await producer.send({ topic, body: body("again") });
    const [first] = await received(consumer, 1);
    const before = first!.receiptHandle;
    await consumer.changeInvisibleDuration(first!, 1_000);
    expect(first?.receiptHandle).not.toBe("");
    expect(before).not.toBe("");
    const startedAtMs = Date.now();
    const [second] = await received(consumer, 1);
    expect(second?.deliveryAttempt).toBe(2);
    expect(Date.now() - startedAtMs).toBeGreaterThan(800);
    await consumer.ack(second!);
  });

  it("keeps the order of message groups", async () => {
    const topic = await createTopic(api, { type: "FIFO" });
    const [producer, consumer] = await Promise.all([
      producerOf(topic),
      simpleConsumerOf(topic, await groupOf({ ordered: true })),
    ]);
    for (let at = 0; at < 5; at++)
      for (const messageGroup of ["x", "y"]) await producer.send({ topic, messageGroup, body: body(`${messageGroup}${at}`) });
    const seen: string[] = [];
    await eventually(async () => {
      const messages = await consumer.receive(4, 20_000);
      seen.push(...texts(messages));
      for (const message of messages) await consumer.ack(message);
      return seen.length >= 10 ? true : undefined;
    });
    for (const name of ["x", "y"])
      expect(seen.filter((text) => text.startsWith(name))).toEqual([0, 1, 2, 3, 4].map((at) => `${name}${at}`));
  });

  it("delays a message, and recalls another", async () => {
    const topic = await createTopic(api, { type: "DELAY" });
    const [producer, consumer] = await Promise.all([producerOf(topic), simpleConsumerOf(topic)]);
    const dueMs = Date.now() + 2_000;
    const kept = await producer.send({ topic, body: body("kept"), deliveryTimestamp: new Date(dueMs) });
    const recalled = await producer.send({ topic, body: body("recalled"), deliveryTimestamp: new Date(Date.now() + 30_000) });
    expect((await producer.recallMessage(topic, recalled.recallHandle)).messageId).toBe(recalled.messageId);
    const [message] = await received(consumer, 1);
    expect(Date.now()).toBeGreaterThanOrEqual(dueMs);
    expect(message?.messageId).toBe(kept.messageId);
    await consumer.ack(message!);
    expect((await api.get(`/v1/topics/${topic}/scheduled`)).json.items).toEqual([]);
  });

  it("commits transactions, rolls others back, and is asked about the rest", async () => {
    const topic = await createTopic(api, { type: "TRANSACTION" });
    const asked: string[] = [];
    const checker = {
      async check(message: MessageView) {
        asked.push(message.body.toString());
        return message.body.toString() === "asked: yes" ? TransactionResolution.COMMIT : TransactionResolution.ROLLBACK;
      },
    };
    const [producer, consumer] = await Promise.all([producerOf(topic, { checker }), simpleConsumerOf(topic)]);
    const sent = async (text: string) => {
      const transaction = producer.beginTransaction();
      await producer.send({ topic, body: body(text) }, transaction);
      return transaction;
    };
    await (await sent("committed")).commit();
    await (await sent("rolled back")).rollback();
    await sent("asked: yes");
    await sent("asked: no");
    const messages: MessageView[] = [];
    await eventually(async () => {
      const some = await consumer.receive(32, 20_000);
      for (const message of some) await consumer.ack(message);
      messages.push(...some);
      return messages.length >= 2 && asked.length >= 2 ? true : undefined;
    }, 40_000);
    expect(texts(messages).sort()).toEqual(["asked: yes", "committed"]);
    expect([...new Set(asked)].sort()).toEqual(["asked: no", "asked: yes"]);
  });

  it("is pushed messages, and those again that it failed on", async () => {
    const [topic, group] = [await createTopic(api), await groupOf({ backoff: [1], maxAttempts: 5 })];
    const seen: [string, number][] = [];
    await pushConsumerOf(topic, group, (message) => {
      seen.push([message.body.toString(), message.deliveryAttempt ?? 0]);
      return message.body.toString() === "hard" && message.deliveryAttempt === 1 ? ConsumeResult.FAILURE : ConsumeResult.SUCCESS;
    });
    const producer = await producerOf(topic);
    for (const text of ["easy", "hard"]) await producer.send({ topic, body: body(text) });
    await eventually(async () => (seen.length >= 3 ? true : undefined));
    expect(seen.sort()).toEqual([
      ["easy", 1],
      ["hard", 1],
      ["hard", 2],
    ]);
    await eventually(async () => ((await api.get(`/v1/groups/${group}/lag`)).json.lag === 0 ? true : undefined));
  });

  it("is pushed messages in order, also over a failure, and lets those die that it gives up on", async () => {
    const topic = await createTopic(api, { type: "FIFO" });
    const group = await groupOf({ ordered: true, backoff: [1], maxAttempts: 2 });
    const done: string[] = [];
    let tries = 0;
    await pushConsumerOf(topic, group, (message) => {
      const text = message.body.toString();
      if (text === "poison") {
        tries++;
        return ConsumeResult.FAILURE;
      }
      done.push(text);
      return ConsumeResult.SUCCESS;
    });
    const producer = await producerOf(topic);
    for (const text of ["first", "poison", "last"]) await producer.send({ topic, messageGroup: "one", body: body(text) });
    await eventually(async () => (done.includes("last") ? true : undefined), 30_000);
    expect(done).toEqual(["first", "last"]);
    expect(tries).toBe(2);
    expect((await api.get(`/v1/groups/${group}/dlq`)).json.items).toMatchObject([{ body: "poison" }]);
  });

  it("shuts down once its listener has ended, and the next has what that failed on", async () => {
    const [topic, group] = [await createTopic(api), await groupOf({ backoff: [1] })];
    const producer = await producerOf(topic);
    await producer.send({ topic, body: body("held") });
    let hold: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      hold = resolve;
    });
    let began = 0;
    const slow = await pushConsumerOf(topic, group, async () => {
      began++;
      await held;
      return ConsumeResult.FAILURE;
    });
    await eventually(async () => (began > 0 ? true : undefined));
    running.splice(running.indexOf(slow), 1);
    const startedAtMs = Date.now();
    const shuttingDown = slow.shutdown();
    // It waits for its listener before it leaves.
    await sleep(50);
    hold();
    await shuttingDown;
    expect(Date.now() - startedAtMs).toBeLessThan(3_000);
    const next = await simpleConsumerOf(topic, group);
    expect(texts(await received(next, 1))).toEqual(["held"]);
  });

  it("shuts down while its polls wait", async () => {
    const [topic, group] = [await createTopic(api), uniqueName("group")];
    const consumers = [await pushConsumerOf(topic, group, () => ConsumeResult.SUCCESS), await simpleConsumerOf(topic, group)];
    const polling = (consumers[1] as SimpleConsumer).receive(1, 20_000).catch(() => []);
    await sleep(1_500);
    for (const consumer of consumers) running.splice(running.indexOf(consumer), 1);
    const startedAtMs = Date.now();
    await Promise.all(consumers.map((consumer) => consumer.shutdown()));
    await polling;
    expect(Date.now() - startedAtMs).toBeLessThan(3_000);
  });

  it("is told that a topic is not there", async () => {
    await expect(new Producer({ ...common(), topic: uniqueName("absent") }).startup()).rejects.toThrow(/topic routes/);
  });
});
