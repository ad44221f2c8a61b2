import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Encoding, MessageType } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { timestampOf } from "../../../functions/grpc/times.ts";
import { bodiesOf, bodyOf, idOf, message, receive, receiveCount, send, someMessageId } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const BODY_MAX = 4 * 1_024 * 1_024;

export function sendTests(grpc: Surroundings): void {
  describe("SendMessage", () => {
    it("stores a message under its client's id, and answers where it is", async () => {
      const [topic, client, messageId] = [await grpc.topic({ queues: 1 }), grpc.client(), someMessageId()];
      const first = await send(client, topic, { messageId });
      const sent = { status: { code: 20_000 }, messageId, transactionId: messageId, offset: 0, recallHandle: "" };
      expect(first).toMatchObject({ status: { code: 20_000 }, entries: [sent] });
      expect((await send(client, topic, {})).entries).toMatchObject([{ offset: 1 }]);
    });

    it("stores a message that is sent again once", async () => {
      const [topic, client, messageId] = [await grpc.topic({ queues: 4 }), grpc.client(), someMessageId()];
      const group = await grpc.group();
      const answers = await Promise.all([1, 2, 3].map(() => send(client, topic, { messageId, body: "once" })));
      answers.push(await send(client, topic, { messageId, body: "once" }));
      expect(new Set(answers.map(({ entries }) => JSON.stringify(entries))).size).toBe(1);
      expect(bodiesOf(await receiveCount(client, group, topic, 1))).toEqual(["once"]);
      expect((await receive(client, group, topic, { waitMs: 300 })).messages).toEqual([]);
    });

    it("stores what another client, or another body, has the same id for", async () => {
      // Ids hold the address of a machine, the number of a process and the second, which containers have in common.
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const messageId = someMessageId();
      for (const [sender, body] of [
        [client, "one"],
        [grpc.client(), "one"],
        [client, "two"],
      ] as const)
        expect((await send(sender, topic, { messageId, body })).status?.code).toBe(20_000);
      expect(bodiesOf(await receiveCount(client, group, topic, 3)).toSorted()).toEqual(["one", "one", "two"]);
    });

    it("stores a delayed message that is sent again once", async () => {
      const [topic, group] = await Promise.all([grpc.topic({ type: "DELAY" }), grpc.group()]);
      const [client, messageId] = [grpc.client(), someMessageId()];
      const delayed = { messageId, deliveryTimestamp: timestampOf(Date.now() + 4_000), messageType: MessageType.DELAY };
      const answers = [await send(client, topic, delayed), await send(client, topic, delayed)];
      expect(answers[0]?.entries[0]?.recallHandle).not.toBe("");
      expect(answers[1]?.entries).toMatchObject([{ status: { code: 20_000 }, messageId }]);
      expect(await receiveCount(client, group, topic, 1)).toHaveLength(1);
      expect((await receive(client, group, topic, { waitMs: 500 })).messages).toEqual([]);
    });

    it("keeps the order of a message group", async () => {
      const [topic, group] = await Promise.all([grpc.topic({ type: "FIFO" }), grpc.group({ ordered: true })]);
      const client = grpc.client();
      for (let at = 0; at < 5; at++)
        await send(client, topic, { body: `m${at}`, messageGroup: "one", messageType: MessageType.FIFO });
      const messages = await receiveCount(client, group, topic, 5);
      expect(bodiesOf(messages)).toEqual(["m0", "m1", "m2", "m3", "m4"]);
      expect(messages[0]?.systemProperties).toMatchObject({ messageGroup: "one", messageType: MessageType.FIFO });
      expect(messages[0]?.userProperties.get("__SHARDINGKEY")).toBe("one");
    });

    it("delivers a delayed message when it is due, not earlier", async () => {
      const [topic, group] = await Promise.all([grpc.topic({ type: "DELAY" }), grpc.group()]);
      const client = grpc.client();
      const dueMs = Date.now() + 1_500;
      const text = { deliveryTimestamp: timestampOf(dueMs), messageType: MessageType.DELAY };
      const { entries } = await send(client, topic, text);
      expect(entries).toMatchObject([{ status: { code: 20_000 }, offset: 0, recallHandle: expect.stringMatching(/./) }]);
      const messages = await receiveCount(client, group, topic, 1);
      const lateMs = Date.now() - dueMs;
      expect(idOf(messages[0]!)).toBe(entries[0]?.messageId);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(3_000 + grpc.target.lateMsMax);
    });

    it("delivers messages of a priority topic by priority", async () => {
      const topic = await grpc.topic({ type: "PRIORITY", queues: 3 });
      const [client, group] = [grpc.client(), await grpc.group()];
      await send(client, topic, { body: "low", priority: 0, messageType: MessageType.PRIORITY });
      await send(client, topic, { body: "high", priority: 2, messageType: MessageType.PRIORITY });
      const messages = await receiveCount(client, group, topic, 2);
      expect(messages.find((one) => bodyOf(one) === "high")?.systemProperties).toMatchObject({
        priority: 2,
        messageType: MessageType.PRIORITY,
      });
    });

    it("answers an entry for each message of a call, and a status of its own for each that fails", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const whole = await send(client, topic, ...Array.from({ length: 10 }, (_, at) => ({ body: `m${at}` })));
      expect(whole.status?.code).toBe(20_000);
      expect(whole.entries.map(({ status }) => status?.code)).toEqual(Array.from({ length: 10 }, () => 20_000));
      const mixed = await send(client, topic, { body: "good" }, { tag: "a|b" }, { body: "good too" });
      expect(mixed.status?.code).toBe(30_000);
      expect(mixed.entries.map(({ status }) => status?.code)).toEqual([20_000, 40_004, 20_000]);
      const failed = await send(client, topic, { body: "" }, { body: "" });
      expect(failed).toMatchObject({ status: { code: 41_302 }, entries: [{ status: { code: 41_302 } }, { messageId: "" }] });
      const group = await grpc.group();
      expect(await receiveCount(client, group, topic, 12)).toHaveLength(12);
    });

    it("unpacks a body that its client packed", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const plain = "packed ".repeat(1_000);
      await send(client, topic, { body: gzipSync(plain), bodyEncoding: Encoding.GZIP });
      const [received] = await receiveCount(client, group, topic, 1);
      expect(bodyOf(received!)).toBe(plain);
      expect(received?.systemProperties?.bodyEncoding).toBe(Encoding.IDENTITY);
    });

    it("refuses bodies that unpack to too much, to nothing or not at all", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const packed = async (body: Buffer) => (await send(client, topic, { body, bodyEncoding: Encoding.GZIP })).status?.code;
      expect(await packed(gzipSync(Buffer.alloc(BODY_MAX + 1)))).toBe(41_301);
      expect(await packed(gzipSync(Buffer.alloc(8 * BODY_MAX)))).toBe(41_301);
      expect(await packed(gzipSync(Buffer.alloc(0)))).toBe(41_302);
      expect(await packed(Buffer.from("no gzip"))).toBe(40_016);
      expect(await packed(gzipSync("cut off").subarray(0, 12))).toBe(40_016);
      // Together they would be as large as many bodies.
      const bomb = { body: gzipSync(Buffer.alloc(BODY_MAX)), bodyEncoding: Encoding.GZIP };
      const answer = await send(client, topic, ...Array.from({ length: 100 }, () => bomb));
      expect(answer.status?.code).toBe(41_301);
    });

    it("takes the largest body, and the largest properties", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const properties = Object.fromEntries(Array.from({ length: 128 }, (_, at) => [`name-${at}`, "v".repeat(100)]));
      const { status } = await send(client, topic, { body: Buffer.alloc(BODY_MAX, "x"), properties });
      expect(status?.code).toBe(20_000);
      const [received] = await receiveCount(client, group, topic, 1);
      expect(received?.body.length).toBe(BODY_MAX);
      expect(Object.fromEntries(received!.userProperties)).toEqual(properties);
    });

    it("takes whatever a client's clock says", async () => {
      const [topic, group, client] = [await grpc.topic({ type: "MIXED", queues: 1 }), await grpc.group(), grpc.client()];
      const times = [
        { seconds: Number.MAX_SAFE_INTEGER, nanos: 0 },
        { seconds: -5, nanos: 0 },
        { seconds: 0, nanos: -1 },
      ];
      for (const bornTimestamp of times) expect((await send(client, topic, { bornTimestamp })).status?.code).toBe(20_000);
      const past = { deliveryTimestamp: { seconds: -1, nanos: 0 } };
      expect((await send(client, topic, past)).status?.code).toBe(20_000);
      const never = { deliveryTimestamp: { seconds: Number.MAX_SAFE_INTEGER, nanos: 999_999_999 } };
      expect((await send(client, topic, never)).status?.code).toBe(40_012);
      expect(await receiveCount(client, group, topic, 4)).toHaveLength(4);
      // Readers over HTTP show these times as text.
      const pulled = await grpc.api.get(`/v1/topics/${topic}/queues/0/messages?offset=0&limit=10`);
      expect(pulled.status, pulled.text).toBe(200);
      expect(pulled.json.messages).toHaveLength(4);
    });

    it("takes messages without their optional properties, also of encodings that say nothing", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const text = {
        bodyEncoding: Encoding.ENCODING_UNSPECIFIED,
        bornTimestamp: undefined,
        bornHost: "",
        messageType: 0,
      } as const;
      expect((await send(client, topic, text)).status?.code).toBe(20_000);
      const bare = message(topic);
      const { status } = await client.call("sendMessage", { messages: [{ ...bare, systemProperties: undefined }] });
      expect(status?.code).toBe(40_000);
    });
  });
}
